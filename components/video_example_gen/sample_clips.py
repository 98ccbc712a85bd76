"""Clips of the embedded sample: real ones filmed from a photograph, and fakes drawn into them.

A real clip shows its photograph through a moving camera. A fake shows, through its target's camera, a *field*: for
every pixel of the target's photograph, where its colour comes from. That is the same place on the other face, or a
place displaced by an expression on its own face.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import matplotlib
import numpy as np
import skimage
from skimage.transform import ThinPlateSplineTransform

from artifacts.errors import InputError

FRAMES, RATE, SIZE = 24, 25, 256  # frames per clip, frames per second, pixels


@dataclass(frozen=True, eq=False)
class Person:
    """A photograph and the landmarks measured on it, in its pixels; left and right are the viewer's."""

    photo: np.ndarray  # [height, width, 3], uint8, BGR
    inner: np.ndarray  # [7, 2], (x, y): eyes (left, right), nose tip, mouth (left, right, upper lip, lower lip)
    outline: np.ndarray  # [14, 2], (x, y): the face's edge, clockwise from the left temple

    @property
    def width(self) -> float:
        """The face's width in pixels."""
        return float(np.ptp(self.outline[:, 0]))


@dataclass(frozen=True)
class Clip:
    """A real clip and how it was filmed."""

    person: Person
    cameras: np.ndarray  # [frames, 2, 3], affine, from the photograph's pixels to the frame's
    lights: np.ndarray  # [frames, 256, 1, 3], uint8, lookup tables from the photograph's levels to the frame's
    frames: np.ndarray  # [frames, height, width, 3], uint8, BGR


@dataclass(frozen=True)
class Manipulation:
    """The settings that distinguish one kind of fake from the others."""

    swap: bool  # show the source's face; else the target's own with another expression
    region: Literal["face", "mouth"]  # what is replaced
    feather: float  # width of the mask's soft edge, as a fraction of the face's width
    coarse: float  # pixels that become one, per axis, in the resynthesis
    match: float  # how much of the colour difference to the target is removed, 0 to 1
    shake: float  # standard deviation of the face's position in each frame [pixels]


MANIPULATIONS = {
    "Deepfakes": Manipulation(swap=True, region="face", feather=0.05, coarse=2.5, match=1.0, shake=0.3),
    "Face2Face": Manipulation(swap=False, region="face", feather=0.04, coarse=1.7, match=0.8, shake=0.3),
    "FaceSwap": Manipulation(swap=True, region="face", feather=0.008, coarse=1.0, match=0.5, shake=0.8),
    "NeuralTextures": Manipulation(swap=False, region="mouth", feather=0.04, coarse=3.5, match=0.8, shake=0.3),
}


@cache
def people() -> tuple[Person, Person]:
    """Return the two people: even clips show the first, odd ones the second.

    Raises:
        InputError: a photograph is not where its library installs it.
    """
    # Measured by eye on the enlarged photographs; eyes, nose and mouth agree with MTCNN's to within five pixels.
    astronaut = _person(
        Path(skimage.__file__).parent / "data" / "astronaut.png",
        "203,101 246,103 224,127 203,140 246,140 224,140 223,153",
        "186,84 203,80 224,83 248,88 264,94 267,118 265,140 256,158 243,171 224,177 205,172 192,160 184,145 182,120",
    )
    hopper = _person(
        Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
        "221,190 306,189 267,242 231,278 308,276 269,273 269,295",
        "181,160 206,143 266,136 330,143 355,160 353,222 341,269 "
        "333,296 313,321 270,332 222,321 202,296 192,269 180,222",
    )
    return astronaut, hopper


def _person(path: Path, inner: str, outline: str) -> Person:
    photo = cv2.imread(str(path))
    if photo is None:
        raise InputError(f"{path}: this photograph cannot be read; reinstall the package that contains it")
    return Person(photo, *(np.array([xy.split(",") for xy in text.split()], float) for text in (inner, outline)))


def film(person: Person, rng: np.random.Generator) -> Clip:
    """Film a photograph: a clip with its own camera path, light, sharpness and noise, all drawn from `rng`."""

    def wave(amplitude: float) -> np.ndarray:
        return amplitude * np.sin(2 * np.pi * (rng.uniform(0.4, 1) * np.arange(FRAMES) / FRAMES + rng.uniform()))

    zoom = rng.uniform(96, 124) / person.width * (1 + wave(0.04))
    angle = np.radians(rng.uniform(-6, 6) + wave(3))
    mirror = rng.choice((-1, 1))
    centre = SIZE / 2 + rng.uniform(-16, 16, size=2) + np.stack([wave(6), wave(6)], axis=1)
    turn = np.array([[mirror * np.cos(angle), -np.sin(angle)], [mirror * np.sin(angle), np.cos(angle)]])
    linear = zoom[:, None, None] * turn.transpose(2, 0, 1)
    cameras = np.concatenate([linear, (centre - linear @ person.outline.mean(axis=0))[..., None]], axis=2)
    warmth = rng.uniform(-0.12, 0.12)
    gain = rng.uniform(0.7, 1.1) * (1 + wave(0.05))[:, None, None] * np.array([1 - warmth, 1, 1 + warmth])
    levels = (np.arange(256) / 255) ** rng.uniform(0.75, 1.3)
    lights = (255 * gain * levels[:, None]).clip(0, 255).astype(np.uint8)[:, :, None]
    blur, grain = rng.uniform(0.3, 0.8), rng.uniform(2, 5)
    views = [cv2.LUT(_through(camera, person.photo), light) for camera, light in zip(cameras, lights, strict=True)]
    sharp = np.stack([cv2.GaussianBlur(view, (0, 0), blur) for view in views])
    noisy = sharp + grain * rng.standard_normal(sharp.shape, dtype=np.float32)
    return Clip(person, cameras, lights, noisy.clip(0, 255).astype(np.uint8))


def forge(manipulation: Manipulation, target: Clip, source: Clip, rng: np.random.Generator) -> np.ndarray:
    """Put a manipulated face into a clip.

    Args:
        manipulation: the kind of fake.
        target: the clip to change.
        source: the clip of the other person; provides the face and its light if the manipulation swaps faces.
        rng: decides the expression over time and the shake.

    Returns:
        uint8 [frames, height, width, 3], BGR.
    """
    person, shown, scale = target.person, source if manipulation.swap else target, 1 / manipulation.coarse
    mask = _mask(person, manipulation.region, manipulation.feather)
    pushes = 0.7 + 0.3 * np.sin(2 * np.pi * (rng.uniform(0.6, 1.2) * np.arange(FRAMES) / FRAMES + rng.uniform()))
    shakes = rng.normal(0, manipulation.shake, size=(FRAMES, 2, 1)) * [0, 0, 1]
    forged = []
    for frame, camera, light, push in zip(target.frames, target.cameras + shakes, shown.lights, pushes, strict=True):
        if manipulation.swap:
            field = _correspondence(person, source.person)
        else:
            field = _grid(person) - np.float32(push) * _expression(person, manipulation.region)
        face = cv2.remap(shown.person.photo, _through(camera, field), None, cv2.INTER_LINEAR)
        face = cv2.resize(cv2.LUT(face, light), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        face = cv2.resize(face, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        alpha = _through(camera, mask)[..., None]
        face = _recolour(face, frame, alpha, manipulation.match)
        forged.append((frame + alpha * (face - frame)).clip(0, 255).astype(np.uint8))
    return np.stack(forged)


def _through(camera: np.ndarray, image: np.ndarray) -> np.ndarray:
    view: np.ndarray = cv2.warpAffine(
        image, camera, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return view


@cache
def _grid(person: Person) -> np.ndarray:
    """Return every pixel's own position, float32 [height, width, 2] as (x, y): the field that changes nothing."""
    height, width = person.photo.shape[:2]
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


@cache
def _correspondence(target: Person, source: Person) -> np.ndarray:
    """Return the field from the target's photograph to the same places on the source's face, [height, width, 2]."""
    places = (np.concatenate([person.inner, person.outline]) for person in (target, source))
    spline = ThinPlateSplineTransform.from_estimate(*places)
    field: np.ndarray = spline(_grid(target).reshape(-1, 2))
    return field.reshape(_grid(target).shape).astype(np.float32)


@cache
def _expression(person: Person, region: str) -> np.ndarray:
    """Return displacements in pixels, [height, width, 2]: a surprised face, or just a narrow mouth that opens."""
    *eyes, _, left, right, upper, lower = person.inner
    pushes = [(upper, (0, -0.05)), (lower, (0, 0.09)), (left, (0.06, 0)), (right, (-0.06, 0))]
    if region == "face":
        pushes += [(eye - [0, 0.16 * person.width], (0, -0.07)) for eye in eyes]
    field = np.zeros_like(_grid(person))
    for place, push in pushes:
        near = np.exp(-0.5 * ((_grid(person) - place) ** 2).sum(axis=-1, keepdims=True) / (0.11 * person.width) ** 2)
        field += near * np.array(push) * person.width
    return field


@cache
def _mask(person: Person, region: str, feather: float) -> np.ndarray:
    """Return how much of each pixel of the photograph is replaced, float32 [height, width], 0 to 1."""
    mask = np.zeros(person.photo.shape[:2], np.float32)
    if region == "face":
        cv2.fillPoly(mask, [person.outline.round().astype(np.int32)], 1)
    else:
        away = (_grid(person) - person.inner[3:].mean(axis=0)) / (person.width * np.array([0.34, 0.2]))
        mask[(away**2).sum(axis=-1) < 1] = 1
    soft: np.ndarray = cv2.GaussianBlur(mask, (0, 0), feather * person.width)
    return soft


def _recolour(face: np.ndarray, frame: np.ndarray, alpha: np.ndarray, match: float) -> np.ndarray:
    """Move the face's mean colour and its contrast towards the frame's, both under the mask; return float32."""
    inside = (alpha > 0.5).astype(np.uint8)
    (mean, spread), (goal, goal_spread) = (cv2.meanStdDev(image, mask=inside) for image in (face, frame))
    contrast = goal_spread.mean() / max(spread.mean(), 1)
    offset = match * (goal - contrast * mean)
    recoloured: np.ndarray = face * np.float32(1 + match * (contrast - 1)) + offset.astype(np.float32).T
    return recoloured
