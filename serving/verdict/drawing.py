"""Boxes, labels and a line at the bottom, drawn on the frames of a film."""

import bisect
import functools
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

HOLD = 0.85  # of a step, for which a box stays where it was; frames do not lie in the very middles of the steps
MOST_GAP = 3  # frames that were looked at and did not show someone, over which the box still moves on
# By verdict; Okabe and Ito's colours, which the colour-blind can tell apart, and the text's that is read on them.
COLOURS = {
    "fake": ((213, 94, 0), (255, 255, 255)),
    "real": ((0, 114, 178), (255, 255, 255)),
    "unsure": ((240, 228, 66), (0, 0, 0)),
    "cannot_judge": ((90, 90, 90), (255, 255, 255)),
}
_DARK = (20, 20, 20)
_BAND = 0.25  # what is left of the picture under the line at the bottom


@dataclass(frozen=True)
class Track:
    """Someone who is followed through a film.

    Attributes:
        verdict: a key of `COLOURS`.
        label: what stands at the box.
        times: seconds, rising, of the frames that were looked at and show this one.
        boxes: x, y, width, height in pixels, for each of them.
    """

    verdict: str
    label: str
    times: list
    boxes: list


def box_at(track, seconds, step):
    """Where someone is at a time: float [4], or None where nobody knows.

    Between two frames that were looked at the box moves in a straight line. Where more than `MOST_GAP` frames between them
    did not show this one, and before the first and after the last, it stays for `HOLD` of a step and is gone.

    Args:
        track: a `Track`.
        seconds: of the frame.
        step: seconds between frames that were looked at.
    """
    times, near = track.times, HOLD * step + 1e-6
    after = bisect.bisect_left(times, seconds)
    before = max(after - 1, 0)
    after = min(after, len(times) - 1)
    gap = times[after] - times[before]
    if times[before] <= seconds <= times[after] and gap <= (MOST_GAP + 1.5) * step:
        share = (seconds - times[before]) / gap if gap else 0.0
        return (1 - share) * np.array(track.boxes[before], float) + share * np.array(track.boxes[after], float)
    nearest = min((before, after), key=lambda k: abs(times[k] - seconds))
    return np.array(track.boxes[nearest], float) if abs(times[nearest] - seconds) <= near else None


class Painter:
    """Draws on frames.

    Args:
        tracks: `Track`s, the most prominent first.
        step: seconds between frames that were looked at.
        captions: the line at the bottom, in several lengths, the longest first.
        verdict: of the file; colours that line.
    """

    def __init__(self, tracks, step, captions, verdict):
        self.tracks, self.step, self.captions, self.verdict = tracks, step, captions, verdict

    def paint(self, image, seconds):
        """Draw on a frame, RGB uint8 [h, w, 3], in place."""
        height, width = image.shape[:2]
        size = max(11, round(min(height, width) / 32))
        seen = [(track, box_at(track, seconds, self.step)) for track in self.tracks]
        seen = [(track, box) for track, box in reversed(seen) if box is not None]  # the most prominent lies on top
        for track, box in seen:
            _frame(image, box, COLOURS[track.verdict][0], max(2, round(min(height, width) / 200)))
        for track, box in seen:
            _label(image, box, track, size)
        _caption(image, self.captions, self.verdict, size)


def _frame(image, box, colour, thickness):
    x1, y1, x2, y2 = (int(v) for v in np.clip(np.round([*box[:2], *(box[:2] + box[2:])]), -32000, 32000))
    cv2.rectangle(image, (x1, y1), (x2, y2), _DARK, thickness + 2)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness)


def _label(image, box, track, size):
    """Above the box where there is room, else within it."""
    ground, ink = COLOURS[track.verdict]
    text = text_image(track.label, size, ground, ink, image.shape[1])
    y = box[1] - text.shape[0]
    _paste(image, text, round(box[0]), round(y if y >= 0 else box[1]))


def _caption(image, captions, verdict, size):
    height, width = image.shape[:2]
    ground, _ = COLOURS[verdict]
    fits = [text for text in captions if _text_size(text, size)[0] <= width - size]
    text = text_image(fits[0] if fits else captions[-1], size, (0, 0, 0), (255, 255, 255), width - size // 2)
    band = min(text.shape[0] + size // 4, height)
    below = image[height - band :]
    below[:] = (below * _BAND).astype(np.uint8)
    below[:, : max(3, size // 3)] = ground
    _paste(image, text, size // 2, height - text.shape[0] - size // 8)


def _paste(image, patch, x, y):
    """Lay a patch over the image, moved so that it lies within."""
    height, width = image.shape[:2]
    patch = patch[:height, :width]
    x, y = min(max(x, 0), width - patch.shape[1]), min(max(y, 0), height - patch.shape[0])
    image[y : y + patch.shape[0], x : x + patch.shape[1]] = patch


@functools.lru_cache(256)
def text_image(text, size, ground, ink, most):
    """Text on a coloured ground, RGB uint8 [h, w, 3]; w is at most `most` pixels."""
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


def _text_size(text, size):
    font = _font(size)
    ascent, descent = font.getmetrics()
    return round(font.getlength(text)), ascent + descent


@functools.lru_cache(16)
def _font(size):
    return ImageFont.load_default(size)
