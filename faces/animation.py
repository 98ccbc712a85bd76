"""Animated WebP, PNG and AVIF as videos; FFmpeg reads GIF, and Pillow these, with all that is laid over what."""

import io
import itertools
from collections.abc import Iterator

import numpy as np
from PIL import Image

from artifacts.exif_orientation import ORIENTATION_TAG, TRANSPOSED, UPRIGHT, orientation_of, turned_upright
from artifacts.words import counted
from faces.decoder import NO_LIMITS, DecodeError, Limits, Picture, SourceInfo, evenly_spaced
from faces.display import shown_size, stretched
from faces.frame_times import longest_step
from faces.still import picture_header

SHORTEST, USUAL = 0.01, 0.1  # seconds: browsers show for the usual time what names no more than the shortest


class Animation:
    """Evenly spaced pictures of an animation; the same attributes as `VideoFrames`.

    Args:
        path: of an animation that Pillow reads.
        count: how many pictures.
        limits: what the file may hold.

    Raises:
        DecodeError: on construction, if the file is too large or too long, or no picture of it decodes.
    """

    def __init__(self, path: str, count: int, limits: Limits = NO_LIMITS) -> None:
        self.damage: str | None = None
        self.marks: dict[str, str] = {}
        with open(path, "rb") as stream:
            self._encoded = stream.read()
        with self._open() as image:
            header = picture_header(io.BytesIO(self._encoded))
            self._pixel = header.pixel if header else None
            width, height = shown_size(*image.size, self._pixel)
            limits.check_size(width, height, "its pictures")
            # The first picture of a PNG may be one for readers that know no animations.
            self._first = int(getattr(image, "default_image", False))
            named = getattr(image, "n_frames", 1) - self._first
            limits.check_length(0, named)
            orientation = image.getexif().get(ORIENTATION_TAG) if image.format == "AVIF" else None
            self._orientation = int(orientation or orientation_of(self._encoded) or UPRIGHT)
            durations = list(self._durations(image, named))
        if not durations:
            raise DecodeError("no_frames", "the animation holds no picture that can be read")
        *self._starts, end = itertools.accumulate(self._believable(durations), initial=0.0)
        limits.check_length(end, len(durations))
        self.wanted = evenly_spaced(self._starts, count)
        width, height = (height, width) if self._orientation in TRANSPOSED else (width, height)
        self.info: SourceInfo = {
            "kind": "video", "width": width, "height": height, "frames": len(durations), "seconds": end,
        }  # fmt: skip

    def pictures(self) -> Iterator[Picture]:
        """See `VideoFrames.pictures`."""
        with self._open() as image:
            for index in self.wanted.tolist():
                try:
                    image.seek(self._first + index)
                    pixels = np.asarray(image.convert("RGB"))
                except MemoryError:
                    raise
                except Exception as error:  # damage can lead Pillow's plugins to any exception
                    self.damage = self.damage or f"damaged after {counted(index, 'picture')} ({error})"
                    return
                image_as_shown = turned_upright(stretched(pixels, self._pixel), self._orientation)
                yield Picture(index, self._starts[index], image_as_shown)

    def _believable(self, durations: list[float]) -> list[float]:
        """Return for how long each picture is shown, where one would else take up nearly all of the time."""
        longest = longest_step(durations, 1.0)
        too_long = sum(seconds > longest for seconds in durations)
        if not too_long:
            return durations
        usual = float(np.median(durations))
        self.marks["discontinuous"] = (
            f"{too_long} of its pictures should be shown for up to {max(durations):.0f} s, and count as {usual:.2g} s"
        )
        return [seconds if seconds <= longest else usual for seconds in durations]

    def _open(self) -> Image.Image:
        try:
            return Image.open(io.BytesIO(self._encoded))
        except (OSError, ValueError, SyntaxError) as error:
            raise DecodeError("not_an_image", f"cannot be read as a picture ({error})") from error

    def _durations(self, image: Image.Image, named: int) -> Iterator[float]:
        """Yield for how many seconds each picture is shown; decodes them all."""
        for index in range(named):
            try:
                image.seek(self._first + index)
                image.load()
            except MemoryError:
                raise
            except EOFError:
                self.damage = f"cut: its header names {counted(named, 'picture')}, there are {index}"
                return
            except Exception as error:  # damage can lead Pillow's plugins to any exception
                self.damage = f"damaged after {counted(index, 'picture')} ({error})"
                return
            seconds = float(image.info.get("duration") or 0) / 1000
            yield seconds if seconds > SHORTEST else USUAL
