"""DeepfakeBench's JSON files: {data set: {class: {split: {[compression or method:] {video: {label, frames}}}}}}."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from artifacts.errors import InputError
from components.video_example_gen.dataset_config import SPLIT_NAMES
from components.video_example_gen.dataset_files import read_json

COMPRESSIONS = ("raw", "c0", "c23", "c40")
# Classes that do not end in "real" or "fake": FaceForensics++'s methods, and those of the DFDC preview.
FAKES = ("FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-FH", "FF-SH", "DFDCP_FakeA", "DFDCP_FakeB")
EXAMPLE = '{"FF-DF": {"FF-real": {"train": {"c23": {"000": {"label": "FF-real", "frames": ["..."]}}}}}}'


@dataclass(frozen=True)
class Entry:
    """One video of a JSON file.

    Attributes:
        dataset: the key at the top, such as "FaceForensics++".
        group: the class, such as "FF-DF"; with a slash and the method where there is such a level.
        label: 0 real, 1 fake.
        split: as the file says.
        name: of the video.
        frames: paths of its pictures, as the file says.
        source: the file.
    """

    dataset: str
    group: str
    label: int
    split: str
    name: str
    frames: tuple[str, ...]
    source: str


def read_entries(path: str, compression: str, labels: Mapping[str, int]) -> Iterator[Entry]:
    """Yield the videos of a JSON file.

    Args:
        path: the file.
        compression: which one to take where there are several.
        labels: class -> label, for classes whose names do not tell.

    Raises:
        InputError: it is not such a file, or a class is not known to be real or fake.
    """
    content = read_json(path)
    for dataset, classes in _items(content, path, "a data set"):
        for group, splits in _items(classes, path, f"{dataset}: a class"):
            for split, videos in _items(splits, path, f"{dataset}: {group}: a split"):
                if split not in SPLIT_NAMES:
                    raise InputError(f'{path}: {dataset}: {group}: "{split}" is no split; it can be train, val or test')
                for inner, name, fields in _videos(videos, path, f"{dataset}: {group}: {split}", compression):
                    label = _label(path, str(fields.get("label", group)), labels)
                    frames = _frames(path, f"{dataset}: {group}: {split}: {name}", fields)
                    full = f"{group}/{inner}" if inner else group
                    yield Entry(dataset, full, label, SPLIT_NAMES[split], name, frames, path)


def _items(node: object, path: str, what: str) -> list[tuple[str, object]]:
    if not isinstance(node, dict):
        raise InputError(
            f"{path}: {what} is {_short(node)}; it must be an object, as {EXAMPLE}: use DeepfakeBench's file"
        )
    return list(node.items())


def _videos(
    node: object, path: str, what: str, compression: str, inner: str = ""
) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield (method or "", name, fields) of each video below a split, which has none, one or two levels more.

    A label and frames that lie beside videos are left out: DeepfakeBench writes those of DFDC's last video so.
    """
    for key, value in _items(node, path, what):
        if isinstance(value, dict) and "frames" in value:
            yield inner, key, value
        elif isinstance(value, dict) and key in COMPRESSIONS:
            if key == compression:
                yield from _videos(value, path, f"{what}: {key}", compression, inner)
        elif isinstance(value, dict):
            if inner:
                raise InputError(f"{path}: {what}: {key} has no frames; it must be a video, as in {EXAMPLE}")
            yield from _videos(value, path, f"{what}: {key}", compression, key)
        elif key not in ("label", "frames", "masks"):
            raise InputError(f"{path}: {what}: {key} is {_short(value)}; it must be a video, as in {EXAMPLE}")


def _label(path: str, name: str, labels: Mapping[str, int]) -> int:
    if name in labels:
        return labels[name]
    if re.search(r"real$", name, re.IGNORECASE):
        return 0
    if re.search(r"fake$", name, re.IGNORECASE) or name in FAKES:
        return 1
    raise InputError(
        f'{path}: label "{name}" does not say whether it is real or fake; say so: "labels": {{"{name}": "fake"}}'
    )


def _frames(path: str, what: str, fields: Mapping[str, object]) -> tuple[str, ...]:
    frames = fields["frames"]
    if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
        raise InputError(f"{path}: {what}: frames is {_short(frames)}; it must be a list of paths")
    return tuple(frames)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
