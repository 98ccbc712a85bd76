"""Draws boxes, labels and a caption on the frames of a video."""

import bisect
import functools
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from serving.verdict.drawing_plan import TrackPlan
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, REAL, UNSURE, Outcome

Colour = tuple[int, int, int]  # RGB

HOLD = 0.85  # of a step, for which a box stays in place: frames do not lie exactly in the middle of the steps
MOST_GAP = 3  # examined frames without a person, over which the box still moves on
# By verdict, the box and the text on it. The palette is Okabe and Ito's, whose colours the colour-blind can tell apart.
COLOURS: dict[Outcome, tuple[Colour, Colour]] = {
    FAKE: ((213, 94, 0), (255, 255, 255)),
    REAL: ((0, 114, 178), (255, 255, 255)),
    UNSURE: ((240, 228, 66), (0, 0, 0)),
    CANNOT_JUDGE: ((90, 90, 90), (255, 255, 255)),
}
_DARK = (20, 20, 20)
_BAND = 0.25  # how much of the picture's brightness is left behind the caption


def box_at(track: TrackPlan, seconds: float, step: float) -> np.ndarray | None:
    """Where a person is at a time.

    Between two examined frames the box moves in a straight line. It does not if more than `MOST_GAP` examined frames
    between them did not show the person: then, as before the first frame and after the last, the box stays in place for
    `HOLD` of a step and disappears.

    Args:
        track: of the person.
        seconds: of the frame.
        step: seconds between two examined frames.

    Returns:
        x, y, width, height in pixels, float [4]; None where the person's place is not known.
    """
    times, near = track["times"], HOLD * step + 1e-6
    after = bisect.bisect_left(times, seconds)
    before = max(after - 1, 0)
    after = min(after, len(times) - 1)
    gap = times[after] - times[before]
    first, last = (np.array(track["boxes"][place], float) for place in (before, after))
    if times[before] <= seconds <= times[after] and gap <= (MOST_GAP + 1.5) * step:
        share = (seconds - times[before]) / gap if gap else 0.0
        return (1 - share) * first + share * last
    to_first, to_last = abs(times[before] - seconds), abs(times[after] - seconds)
    nearest, distance = (first, to_first) if to_first <= to_last else (last, to_last)
    return nearest if distance <= near else None


class Painter:
    """Draws on the frames of one file.

    Args:
        tracks: of everyone who was seen, the most prominent first.
        step: seconds between two examined frames.
        captions: the caption in several lengths, the longest first.
        verdict: on the file; it colours the caption.
    """

    def __init__(self, tracks: Sequence[TrackPlan], step: float, captions: Sequence[str], verdict: Outcome) -> None:
        self._tracks, self._step, self._captions, self._verdict = tracks, step, captions, verdict

    def paint(self, image: np.ndarray, seconds: float) -> None:
        """Draw on a frame, RGB uint8 [height, width, 3], in place."""
        short_side = min(image.shape[:2])
        size = max(11, round(short_side / 32))
        seen = []
        for track in reversed(self._tracks):  # the most prominent is drawn last, on top of the others
            box = box_at(track, seconds, self._step)
            if box is not None:
                seen.append((track, box))
        for track, box in seen:
            _draw_box(image, box, COLOURS[track["verdict"]][0], max(2, round(short_side / 200)))
        for track, box in seen:
            _draw_label(image, box, track, size)
        _draw_caption(image, self._captions, self._verdict, size)


def _draw_box(image: np.ndarray, box: np.ndarray, colour: Colour, thickness: int) -> None:
    x1, y1, x2, y2 = (int(v) for v in np.clip(np.round([*box[:2], *(box[:2] + box[2:])]), -32000, 32000))
    cv2.rectangle(image, (x1, y1), (x2, y2), _DARK, thickness + 2)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness)


def _draw_label(image: np.ndarray, box: np.ndarray, track: TrackPlan, size: int) -> None:
    """Draw the label above the box if there is room, else within it."""
    ground, ink = COLOURS[track["verdict"]]
    text = text_image(track["label"], size, ground, ink, image.shape[1])
    y = box[1] - text.shape[0]
    _paste(image, text, round(box[0]), round(y if y >= 0 else box[1]))


def _draw_caption(image: np.ndarray, captions: Sequence[str], verdict: Outcome, size: int) -> None:
    """Draw the longest caption that fits, on a dark band at the bottom."""
    height, width = image.shape[:2]
    ground, _ = COLOURS[verdict]
    fits = [text for text in captions if _text_size(text, size)[0] <= width - size]
    text = text_image(fits[0] if fits else captions[-1], size, (0, 0, 0), (255, 255, 255), width - size // 2)
    band = min(text.shape[0] + size // 4, height)
    below = image[height - band :]
    below[:] = (below * _BAND).astype(np.uint8)
    below[:, : max(3, size // 3)] = ground
    _paste(image, text, size // 2, height - text.shape[0] - size // 8)


def _paste(image: np.ndarray, patch: np.ndarray, x: int, y: int) -> None:
    """Lay a patch over the image, moved so that it lies within."""
    height, width = image.shape[:2]
    patch = patch[:height, :width]
    x, y = min(max(x, 0), width - patch.shape[1]), min(max(y, 0), height - patch.shape[0])
    image[y : y + patch.shape[0], x : x + patch.shape[1]] = patch


@functools.lru_cache(256)
def text_image(text: str, size: int, ground: Colour, ink: Colour, most: int) -> np.ndarray:
    """Text on a coloured ground, RGB uint8 [height, width, 3]; the width is at most `most` pixels."""
    width, height = _text_size(text, size)
    margin = max(2, size // 4)
    image = Image.new("RGB", (width + 2 * margin, height + margin), ground)
    ImageDraw.Draw(image).text((margin, margin // 2), text, ink, _font(size))
    pixels = np.asarray(image)
    if pixels.shape[1] > most > 0:
        shrunk = (most, max(1, round(pixels.shape[0] * most / pixels.shape[1])))
        pixels = cv2.resize(pixels, shrunk, interpolation=cv2.INTER_AREA)
    pixels.flags.writeable = False
    return pixels


def _text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height of a text, pixels."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    return round(font.getlength(text)), ascent + descent


@functools.lru_cache(16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
