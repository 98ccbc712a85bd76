"""How a player shows a decoded frame: with square pixels, turned and mirrored as the file asks.

The rules are those of FFmpeg's own programs. A file asks for an orientation by a display matrix, which may also turn by
an angle that is no right one; the frame then keeps its size, and its corners are black.
"""

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation

# Of a pixel's width to its height. Beyond it, a header is damaged or hostile rather than a film anamorphic.
WIDEST = 16
# A pixel that is closer to a square counts as one: encoders leave such ratios behind when they round a film's size.
NEARLY_SQUARE = 0.005
LEFT = 1  # degree: FFmpeg does not turn by so little
_UNIT = 10_000  # of a measured ratio
_MATRIX = struct.Struct("=9i")  # of FFmpeg, row by row, in 1/65536


def shown_size(width: int, height: int, pixel: Fraction | None) -> tuple[int, int]:
    """Return width and height with square pixels: one side is stretched, and none shrunk, so that no detail is lost.

    Args:
        width: in the pixels of the file.
        height: in the pixels of the file.
        pixel: the width of a pixel over its height; None or 0 if the file does not say.
    """
    if not pixel or not Fraction(1, WIDEST) <= pixel <= WIDEST or abs(pixel - 1) < NEARLY_SQUARE:
        return width, height
    return (round(width * pixel), height) if pixel > 1 else (width, round(height / pixel))


def pixel_of(frame: Any) -> Fraction | None:
    """Return the width of a frame's own pixels over their height, which PyAV does not tell but FFmpeg's filters do."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    corner = graph.add("crop", "w='min(iw,16)':h='min(ih,16)':x=0:y=0")  # little to scale
    ruler = graph.add("scale", f"w='max(1,trunc({_UNIT}*min(sar,{WIDEST + 1})))':h=2:eval=frame")
    graph.link_nodes(source, corner, ruler, graph.add("buffersink")).configure()
    graph.push(frame)
    width = graph.pull().width
    return Fraction(width, _UNIT) if width > 1 else None


def shown_image(frame: Any, pixel: Fraction | None) -> np.ndarray:
    """Return a frame of PyAV as a player shows it.

    Args:
        frame: an `av.VideoFrame`.
        pixel: as in `shown_size`.

    Returns:
        RGB uint8 [height, width, 3], in memory that the frame's conversion holds.
    """
    matrix = _display_matrix(frame)
    angle = clockwise_degrees(matrix)
    if angle % 90 and angle != LEFT:
        frame = _rotated(frame, angle)
    width, height = shown_size(frame.width, frame.height, pixel)
    if (width, height) == (frame.width, frame.height):
        frame = frame.reformat(format="rgb24")
    else:
        frame = frame.reformat(width, height, "rgb24", interpolation=Interpolation.BICUBIC)
    plane = frame.planes[0]
    image = np.ndarray((height, width, 3), np.uint8, plane, strides=(plane.line_size, 3, 1))
    return turned(image, matrix, angle)


def stretched(image: np.ndarray, pixel: Fraction | None) -> np.ndarray:
    """Stretch a picture, RGB uint8 [height, width, 3], to square pixels; `pixel` as in `shown_size`."""
    height, width = image.shape[:2]
    size = shown_size(width, height, pixel)
    return image if size == (width, height) else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC))


def clockwise_degrees(matrix: Sequence[int]) -> int:
    """Return by how many whole degrees, 0 to 359, a display matrix turns what is shown; a mirror may come on top."""
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    across, down = math.hypot(a, c), math.hypot(b, d)
    if not across or not down:  # it flattens the picture: FFmpeg shows it as it is
        return 0
    angle = math.degrees(math.atan2(b / down, a / across))
    return int(math.copysign(math.floor(abs(angle) + 0.5), angle)) % 360


def turned(image: np.ndarray, matrix: Sequence[int], angle: int) -> np.ndarray:
    """Turn by a right angle and mirror.

    Args:
        image: [height, width, channels], as stored.
        matrix: the display matrix.
        angle: `clockwise_degrees` of it; what is no right angle is left.

    Returns:
        A view of the image.
    """
    a, c, d = matrix[0], matrix[3], matrix[4]
    if angle == 90:
        return image.transpose(1, 0, 2) if c > 0 else np.rot90(image, -1)
    if angle == 270:
        return np.rot90(image, 2).transpose(1, 0, 2) if c < 0 else np.rot90(image)
    if angle == 180:
        image = image[:, ::-1] if a < 0 else image
    if angle in (0, 180):
        image = image[::-1] if d < 0 else image
    return image


def _display_matrix(frame: Any) -> tuple[int, ...]:
    """Return a frame's matrix, nine numbers; the neutral one if it has none."""
    found = frame.side_data.get("DISPLAYMATRIX")
    if found is None or found.buffer_size < _MATRIX.size:
        return (1, 0, 0, 0, 1, 0, 0, 0, 1)
    return _MATRIX.unpack(bytes(found)[: _MATRIX.size])


def _rotated(frame: Any, angle: int) -> Any:
    """Turn a frame clockwise by whole degrees around its middle, with FFmpeg's own filter."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    graph.link_nodes(source, graph.add("rotate", f"{angle}*PI/180"), graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull()
