"""Draws boxes, labels and a caption on the frames of a video."""

import bisect
import functools
from collections.abc import Hashable, Mapping, Sequence
from typing import cast

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from serving.verdict.drawing_plan import TrackPlan
from serving.verdict.label_places import Area, Place, Wanted, place_labels
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, NOT_JUDGED, REAL, UNSURE, Outcome

Colour = tuple[int, int, int]  # RGB

HOLD = 0.85  # of a step, for which a box stays in place: frames do not lie exactly in the middle of the steps
MOST_GAP = 3  # examined frames without a person, over which the box still moves on
# By verdict, the box and the text on it. The palette is Okabe and Ito's, whose colours the colour-blind can tell apart.
COLOURS: dict[Outcome, tuple[Colour, Colour]] = {
    FAKE: ((213, 94, 0), (255, 255, 255)),
    REAL: ((0, 114, 178), (255, 255, 255)),
    UNSURE: ((240, 228, 66), (0, 0, 0)),
    CANNOT_JUDGE: ((90, 90, 90), (255, 255, 255)),
    NOT_JUDGED: ((170, 170, 170), (0, 0, 0)),
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
    """Draws on the frames of one file, in their order.

    Args:
        tracks: of everyone who was seen, the most prominent first.
        step: seconds between two examined frames.
        captions: the caption in several lengths, the longest first.
        verdict: on the file; it colours the caption.
        origins: a second line below the caption, in several lengths, the longest first.
    """

    def __init__(
        self,
        tracks: Sequence[TrackPlan],
        step: float,
        captions: Sequence[str],
        verdict: Outcome,
        origins: Sequence[str] = (),
    ) -> None:
        self._tracks, self._step, self._verdict = tracks, step, verdict
        self._lines = [captions, origins] if origins else [captions]
        self._places: dict[Hashable, Place] = {}  # of the labels in the last frame

    def paint(self, image: np.ndarray, seconds: float) -> None:
        """Draw on a frame, RGB uint8 [height, width, 3], in place."""
        short_side = min(image.shape[:2])
        size = max(11, round(short_side / 32))
        seen = {}
        for number, track in enumerate(self._tracks):
            box = box_at(track, seconds, self._step)
            if box is not None:
                seen[number] = track, _area(box)
        thickness = max(2, round(short_side / 200))
        for track, area in reversed(seen.values()):  # the most prominent is drawn last, on top of the others
            _draw_box(image, area, COLOURS[track["verdict"]][0], thickness, track["doubtful"])
        band = _draw_caption(image, self._lines, self._verdict, size)
        self._draw_labels(image, seen, Area(0, 0, image.shape[1], image.shape[0] - band), size)

    def _draw_labels(
        self, image: np.ndarray, seen: Mapping[int, tuple[TrackPlan, Area]], free: Area, size: int
    ) -> None:
        """Draw the labels of those who are seen, each within the free part of the picture, and none on another."""
        texts = {number: _label_images(track, size, image.shape[1]) for number, (track, _) in seen.items()}
        wanted = [
            Wanted(number, _clipped(area, free), [text.shape[1::-1] for text in texts[number]])
            for number, (_, area) in seen.items()
        ]
        self._places = place_labels(wanted, free, self._places)
        for key, place in self._places.items():
            number = cast(int, key)
            if place.link is not None:
                x1, y1, x2, y2 = place.link
                image[y1:y2, max(x1, 0) : x2] = COLOURS[seen[number][0]["verdict"]][0]
            _paste(image, texts[number][place.version], place.area.x1, place.area.y1)


def _area(box: np.ndarray) -> Area:
    return Area(*(int(v) for v in np.clip(np.round([*box[:2], *(box[:2] + box[2:])]), -32000, 32000)))


def _clipped(area: Area, picture: Area) -> Area:
    """The part of an area within a picture; at its edge, and maybe empty, if it lies beside it."""
    x1, x2 = (min(max(x, picture.x1), picture.x2) for x in (area.x1, area.x2))
    y1, y2 = (min(max(y, picture.y1), picture.y2) for y in (area.y1, area.y2))
    return Area(x1, y1, x2, y2)


def _draw_box(image: np.ndarray, area: Area, colour: Colour, thickness: int, is_doubtful: bool) -> None:
    """Draw the outline of a face, dashed if it is doubtful."""
    x1, y1, x2, y2 = area
    if not is_doubtful:
        cv2.rectangle(image, (x1, y1), (x2, y2), _DARK, thickness + 2)
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness)
        return
    for (from_x, from_y), (to_x, to_y) in (
        ((x1, y1), (x2, y1)), ((x1, y2), (x2, y2)), ((x1, y1), (x1, y2)), ((x2, y1), (x2, y2)),
    ):  # fmt: skip
        length = max(to_x - from_x, to_y - from_y)
        dashes = max(2, min(length // (8 * thickness), 40))
        ends = [(k / (dashes - 0.5), (k + 0.5) / (dashes - 0.5)) for k in range(dashes)]
        for paint, width in ((_DARK, thickness + 2), (colour, thickness)):
            for begin, end in ends:
                points = [
                    (round(from_x + share * (to_x - from_x)), round(from_y + share * (to_y - from_y)))
                    for share in (begin, end)
                ]
                cv2.line(image, points[0], points[1], paint, width)


def _label_images(track: TrackPlan, size: int, most: int) -> list[np.ndarray]:
    """The label of a face in its lengths, the longest first; each is at most `most` pixels wide."""
    ground, ink = COLOURS[track["verdict"]]
    return [text_image(text, size, ground, ink, most) for text in (track["label"], *track["short_labels"])]


def _draw_caption(image: np.ndarray, lines: Sequence[Sequence[str]], verdict: Outcome, size: int) -> int:
    """Draw lines on a dark band at the bottom, of each the longest text that fits; returns the height of the band."""
    height, width = image.shape[:2]
    ground, _ = COLOURS[verdict]
    texts = []
    for number, line in enumerate(lines):
        pixels = size if number == 0 else max(9, round(0.7 * size))
        fits = [text for text in line if _text_size(text, pixels)[0] <= width - size]
        texts.append(text_image(fits[0] if fits else line[-1], pixels, (0, 0, 0), (255, 255, 255), width - size // 2))
    band = min(sum(text.shape[0] for text in texts) + size // 4, height)
    below = image[height - band :]
    below[:] = (below * _BAND).astype(np.uint8)
    below[:, : max(3, size // 3)] = ground
    bottom = height - size // 8
    for text in reversed(texts):
        bottom -= text.shape[0]
        _paste(image, text, size // 2, bottom)
    return int(band)


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
