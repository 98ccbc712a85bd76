"""FaceForensics++: 1000 originals and, per method, 1000 fakes named `<target>_<source>`."""

import os
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from artifacts.errors import InputError
from artifacts.manifest import SPLITS, Video
from artifacts.media_files import kind_of
from components.video_example_gen.dataset_config import DatasetConfig
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, read_json, relative, stem, subfolders
from components.video_example_gen.listing import Listing

TITLE = "FaceForensics++"
SIGNS = "original_sequences/ or manipulated_sequences/"

ORIGINALS = "original_sequences/youtube"
FOLDERS = {
    "df": "manipulated_sequences/Deepfakes",
    "ff": "manipulated_sequences/Face2Face",
    "fs": "manipulated_sequences/FaceSwap",
    "nt": "manipulated_sequences/NeuralTextures",
    "fsh": "manipulated_sequences/FaceShifter",
}


class FaceForensicsConfig(DatasetConfig):
    """FaceForensics++ in its own layout."""

    type: Literal["faceforensics"] = Field(description="FaceForensics++")
    compression: Literal["raw", "c23", "c40"] = Field("c23", description="raw, c23 (light) or c40 (strong)")
    methods: tuple[Literal["df", "ff", "fs", "nt", "fsh"], ...] = Field(
        ("df", "ff", "fs", "nt"),
        min_length=1,
        description="df = Deepfakes, ff = Face2Face, fs = FaceSwap, nt = NeuralTextures, fsh = FaceShifter",
    )
    splits: str | None = Field(
        None,
        description="the folder with the official train.json, val.json and test.json; else <root>/splits or <root>",
    )

    @field_validator("methods")
    @classmethod
    def _once(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(methods)) < len(methods):
            raise ValueError("names a method twice")
        return methods

    def sources(self) -> list[str]:
        """Return the root and the folder of the split files."""
        return [self.folder, *([self.path(self.splits)] if self.splits else [])]


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return any(os.path.isdir(os.path.join(root, name)) for name in ("original_sequences", "manipulated_sequences"))


def list_videos(config: FaceForensicsConfig) -> Listing:
    """List a copy of FaceForensics++, in the official splits if their files exist.

    Returns:
        A `Listing`; videos have no split if there are no split files.

    Raises:
        InputError: a split file is missing or broken.
    """
    listing = Listing()
    found, spare = _files(config)
    listing.unlisted = relative(spare, config.folder)
    listing.notes = _notes(config)
    splits = _official_splits(config)
    if splits:
        listing.to_fill = ()
    else:
        listing.notes.append(
            "no train.json, val.json and test.json in the root or its splits/: divided by the people of both videos "
            'instead; figures are not comparable with published ones (set "splits" to the folder of the official files)'
        )
        splits = {"": [pair for method in config.methods for pair in map(_pair, found[method]) if pair]}
        splits[""] += [(name, name) for name in found["real"] if "_" not in name]

    named: dict[tuple[str, str], str] = {}
    for split, pairs in splits.items():
        named.update({("real", name): split for pair in pairs for name in pair})
        both_ways = [pair for a, b in pairs if a != b for pair in ((a, b), (b, a))]
        named.update({(method, "_".join(pair)): split for method in config.methods for pair in both_ways})
    for (method, name), split in named.items():
        if name in found[method]:
            listing.videos.append(_video(config, method, name, found[method].pop(name), split))
        elif split:
            listing.missing.append(f"{config.name}/{method}/{name}")
    rest = [path for paths in found.values() for path in paths.values()]
    listing.unlisted = sorted(listing.unlisted + relative(rest, config.folder))
    return listing


def _video(config: FaceForensicsConfig, method: str, name: str, path: str, split: str) -> Video:
    people = tuple(f"{config.name}/{person}" for person in name.split("_"))
    label = int(method != "real")
    return Video(f"{config.name}/{method}/{name}", path, config.name, method, label, split, people)


def _folder(config: FaceForensicsConfig, method: str) -> str:
    above = ORIGINALS if method == "real" else FOLDERS[method]
    return os.path.join(config.folder, *above.split("/"), config.compression, "videos")


def _files(config: FaceForensicsConfig) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return method -> name -> path, and the files that are no videos or outside all known folders."""
    found: dict[str, dict[str, str]] = {method: {} for method in ("real", *config.methods)}
    spare = []
    for method, names in found.items():
        for path in find(_folder(config, method), NOT_DOCUMENTS):
            is_there = os.path.dirname(path) == _folder(config, method) and kind_of(path) == "video"
            if not is_there or stem(path) in names:
                spare.append(path)
            else:
                names[stem(path)] = path
    known = tuple(os.path.join(config.folder, *above.split("/")) + os.sep for above in (ORIGINALS, *FOLDERS.values()))
    return found, spare + [path for path in find(config.folder, NOT_DOCUMENTS) if not path.startswith(known)]


def _notes(config: FaceForensicsConfig) -> list[str]:
    """Say what is there but was not asked for: other compressions, other methods."""
    notes = []
    for method, above in {"real": ORIGINALS, **FOLDERS}.items():
        folder = os.path.join(config.folder, *above.split("/"))
        for path in subfolders(folder):
            compression, count = os.path.basename(path), len(find(path))
            asked = method == "real" or method in config.methods
            if count and not asked:
                notes.append(f'{above}/{compression} has {count} videos: add "{method}" to "methods" to use them')
            elif count and compression != config.compression:
                notes.append(f'{above}/{compression} has {count} videos, "compression" is "{config.compression}"')
    return notes


def _pair(name: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"([^_]+)_([^_]+)", name)
    return (match[1], match[2]) if match else None


def _official_splits(config: FaceForensicsConfig) -> dict[str, list[tuple[str, str]]] | None:
    """Return split -> pairs of ids, or None if there are no split files."""
    candidates = [config.path(config.splits)] if config.splits else [config.path("splits"), config.folder]
    for folder in candidates:
        paths = {split: os.path.join(folder, f"{split}.json") for split in SPLITS}
        there = [split for split in SPLITS if os.path.exists(paths[split])]
        if there or config.splits:
            lacking = [f"{split}.json" for split in SPLITS if split not in there]
            if lacking:
                raise InputError(
                    f"splits: {folder}: {' and '.join(lacking)} not found; the three official files train.json, "
                    "val.json and test.json belong together"
                )
            splits = {split: _read_pairs(path) for split, path in paths.items()}
            _check_disjoint(splits, folder)
            return splits
    return None


def _read_pairs(path: str) -> list[tuple[str, str]]:
    pairs = read_json(path)
    if not isinstance(pairs, list) or not pairs:
        raise InputError(f'splits: {path}: must be a list of pairs of ids, such as [["720", "672"], ...]')
    for index, pair in enumerate(pairs):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)):
            raise InputError(
                f'splits: {path}: entry {index} is {pair!r}; it must be a pair of ids, such as ["720", "672"]'
            )
    return [(first, second) for first, second in pairs]


def _check_disjoint(splits: Mapping[str, list[tuple[str, str]]], folder: str) -> None:
    seen: dict[str, str] = {}
    for split, pairs in splits.items():
        for name in {name for pair in pairs for name in pair}:
            if seen.setdefault(name, split) != split:
                raise InputError(
                    f"splits: {folder}: id {name} is in {seen[name]}.json and in {split}.json; "
                    "use the official files, which share none"
                )
