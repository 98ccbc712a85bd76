"""FaceForensics++: 1000 originals and, per method, 1000 fakes named `<target>_<source>`.

Beside them its download has DeepFakeDetection: 363 films of 28 actors and 3068 fakes of them, without official splits.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from artifacts.errors import InputError
from artifacts.manifest import SPLITS, Video
from artifacts.media_files import kind_of
from artifacts.words import counted
from components.video_example_gen.dataset_config import DatasetConfig
from components.video_example_gen.dataset_files import (
    NOT_DOCUMENTS,
    entries,
    find,
    read_json,
    relative,
    stem,
    subfolders,
)
from components.video_example_gen.listing import Listing

TITLE = "FaceForensics++"
SIGNS = "original_sequences/ or manipulated_sequences/, or Deepfakes/, Face2Face/ and the like"

# Where the videos of each method are: in the official layout, then in that of flat copies. "actors" are the originals
# of DeepFakeDetection ("dfd"), as "real" are those of all others.
FOLDERS = {
    "real": ("original_sequences/youtube", "original"),
    "df": ("manipulated_sequences/Deepfakes", "Deepfakes"),
    "ff": ("manipulated_sequences/Face2Face", "Face2Face"),
    "fs": ("manipulated_sequences/FaceSwap", "FaceSwap"),
    "nt": ("manipulated_sequences/NeuralTextures", "NeuralTextures"),
    "fsh": ("manipulated_sequences/FaceShifter", "FaceShifter"),
    "actors": ("original_sequences/actors", "actors"),
    "dfd": ("manipulated_sequences/DeepFakeDetection", "DeepFakeDetection"),
}
ACTORS = {"actors": r"(\d+)__.+", "dfd": r"(\d+)_(\d+)__.+"}  # who is in a video, by its name


class FaceForensicsConfig(DatasetConfig):
    """FaceForensics++ in its own layout."""

    type: Literal["faceforensics"] = Field(description="FaceForensics++")
    compression: Literal["raw", "c23", "c40"] = Field("c23", description="raw, c23 (light) or c40 (strong)")
    methods: tuple[Literal["df", "ff", "fs", "nt", "fsh", "dfd"], ...] = Field(
        ("df", "ff", "fs", "nt"),
        min_length=1,
        description="df = Deepfakes, ff = Face2Face, fs = FaceSwap, nt = NeuralTextures, fsh = FaceShifter, "
        "dfd = DeepFakeDetection with the films of its actors, which has no official splits",
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
    """Tell whether a folder looks like this data set, in its own layout or in that of flat copies."""
    official = ("original_sequences", "manipulated_sequences")
    flat = [name for method, (_, name) in FOLDERS.items() if method not in ("real", "actors")]
    return any(os.path.isdir(os.path.join(root, name)) for name in (*official, *flat))


def list_videos(config: FaceForensicsConfig) -> Listing:
    """List a copy of FaceForensics++, in the official splits if their files exist.

    Returns:
        A `Listing`; videos have no split if there are no split files.

    Raises:
        InputError: a split file is missing or broken, or there are videos of other compressions only.
    """
    listing = Listing()
    places = {method: _place(config, method) for method in FOLDERS}
    found, spare = _files(config, places)
    listing.unlisted = relative(spare, config.folder)
    listing.notes = _notes(config, places)
    methods = [method for method in config.methods if method not in ACTORS]
    splits = (_official_splits(config) if methods else None) or {}
    if splits:
        listing.to_fill = ()
    elif methods:
        listing.notes.append(
            "no train.json, val.json and test.json in the root or its splits/: divided by the people of both videos "
            'instead; figures are not comparable with published ones (set "splits" to the folder of the official files)'
        )
        splits = {"": [pair for method in methods for pair in map(_pair, found[method]) if pair]}
        splits[""] += [(name, name) for name in found["real"] if "_" not in name]

    named: dict[tuple[str, str], str] = {}
    for split, pairs in splits.items():
        named.update({("real", name): split for pair in pairs for name in pair})
        both_ways = [pair for a, b in pairs if a != b for pair in ((a, b), (b, a))]
        named.update({(method, "_".join(pair)): split for method in methods for pair in both_ways})
    for (method, name), split in named.items():
        if name in found[method]:
            people = tuple(name.split("_"))
            listing.videos.append(_video(config, method, name, found[method].pop(name), split, people))
        elif split:
            listing.missing.append(f"{config.name}/{method}/{name}")
    _add_actors(config, found, listing)
    if not listing.videos:
        _check_compression(config)
    rest = [path for paths in found.values() for path in paths.values()]
    listing.unlisted = sorted(listing.unlisted + relative(rest, config.folder))
    return listing


def _check_compression(config: FaceForensicsConfig) -> None:
    """Say that the copy is of another compression, if that is why it has no videos."""
    folders = [folder for method in _asked(config) for folder in subfolders(_above(config, FOLDERS[method][0]))]
    there = sorted({os.path.basename(folder) for folder in folders if find(folder)} - {"videos"})
    if there and config.compression not in there:
        raise InputError(
            f'compression: "{config.compression}": {config.folder} has no such videos, but videos of '
            f'{", ".join(there)}. Set "compression" to "{there[0]}"'
        )


def _add_actors(config: FaceForensicsConfig, found: Mapping[str, dict[str, str]], listing: Listing) -> None:
    """List DeepFakeDetection, whose videos get their splits later, by the actors in them."""
    for method in set(ACTORS) & set(found):
        for name in list(found[method]):
            match = re.fullmatch(ACTORS[method], name)
            if match:
                people = tuple(f"actor{number}" for number in match.groups())
                kind = "dfd" if method == "dfd" else "real"
                listing.videos.append(_video(config, kind, name, found[method].pop(name), "", people))
                listing.to_fill = SPLITS


def _video(config: FaceForensicsConfig, method: str, name: str, path: str, split: str, people: Sequence[str]) -> Video:
    identities = tuple(f"{config.name}/{person}" for person in people)
    label = int(method != "real")
    return Video(f"{config.name}/{method}/{name}", path, config.name, method, label, split, identities)


def _place(config: FaceForensicsConfig, method: str) -> str:
    """Return the folder of a method: that of the official layout, or the one of a copy with fewer levels."""
    official, flat = FOLDERS[method]
    levels = (f"{config.compression}/videos", config.compression, "videos", "")
    names = [f"{above}/{level}".strip("/") for above in (official, flat) for level in levels]
    candidates = [os.path.join(config.folder, *name.split("/")) for name in names]
    return next((folder for folder in candidates if _has_video(folder)), candidates[0])


def _has_video(folder: str) -> bool:
    return os.path.isdir(folder) and any(
        kind_of(entry.name) == "video" and entry.is_file() for entry in entries(folder)
    )


def _is_flat(config: FaceForensicsConfig, method: str, place: str) -> bool:
    return not f"{place}{os.sep}".startswith(_above(config, FOLDERS[method][0]))


def _above(config: FaceForensicsConfig, name: str) -> str:
    """The folder above a method's videos, with a separator at its end."""
    return os.path.join(config.folder, *name.split("/")) + os.sep


def _asked(config: FaceForensicsConfig) -> list[str]:
    """Return the methods to list; the real videos of DeepFakeDetection are its actors', not those of the others."""
    real = ["real"] if set(config.methods) - set(ACTORS) else []
    return [*real, *config.methods, *(["actors"] if "dfd" in config.methods else [])]


def _files(config: FaceForensicsConfig, places: Mapping[str, str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return method -> name -> path, and the files that are no videos or outside all known folders."""
    found: dict[str, dict[str, str]] = {method: {} for method in _asked(config)}
    spare = []
    for method, names in found.items():
        for path in find(places[method], NOT_DOCUMENTS):
            is_there = os.path.dirname(path) == places[method] and kind_of(path) == "video"
            if not is_there or stem(path) in names:
                spare.append(path)
            else:
                names[stem(path)] = path
    known = [_above(config, official) for official, _ in FOLDERS.values()]
    known += [_above(config, FOLDERS[m][1]) for m, place in places.items() if _is_flat(config, m, place)]
    return found, spare + [path for path in find(config.folder, NOT_DOCUMENTS) if not path.startswith(tuple(known))]


def _notes(config: FaceForensicsConfig, places: Mapping[str, str]) -> list[str]:
    """Say what is there but was not asked for: other compressions, other methods; and that a layout is not official."""
    notes, flat = [], []
    for method, (above, _) in FOLDERS.items():
        asked = method in _asked(config)
        if method == "real" and not asked:
            continue
        use = "dfd" if method == "actors" else method
        if _is_flat(config, method, places[method]) and _has_video(places[method]):
            where = relative([places[method]], config.folder)[0]
            if asked:
                flat.append(f"{where}/")
            else:
                notes.append(
                    f'{where} has {counted(len(find(places[method])), "video")}: add "{use}" to "methods" to use them'
                )
        for path in subfolders(_above(config, above)):
            compression, count = os.path.basename(path), len(find(path))
            if count and not asked:
                notes.append(
                    f'{above}/{compression} has {counted(count, "video")}: add "{use}" to "methods" to use them'
                )
            elif count and compression not in (config.compression, "videos"):
                notes.append(
                    f'{above}/{compression} has {counted(count, "video")}, "compression" is "{config.compression}"'
                )
    if flat:
        notes.append(f"{', '.join(flat)}: a flat copy, whose folders do not tell the compression, so it is not checked")
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
