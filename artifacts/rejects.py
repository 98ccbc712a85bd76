"""Rejects: which videos and frames gave no face, and why; JSON lines."""

import glob
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from artifacts.errors import InputError
from artifacts.writing import write_text

Scope = Literal["video", "frame", "part", "note"]


@dataclass(frozen=True)
class Reject:
    """What gave no face, and why.

    Attributes:
        video_id: `<dataset>/<method>/<name>`.
        uri: of the file.
        dataset: of the video.
        method: of the video.
        label: 0 real, 1 fake.
        split: "train", "val" or "test".
        scope: "video": the video gave nothing; "frame": this frame gave nothing; "part": the file is damaged and its
            readable part was used; "note": the video was used, and this should be known about it.
        reason: a short key, the same for real and fake.
        detail: a sentence.
        frame: index of the frame for scope "frame", else None.
    """

    video_id: str
    uri: str
    dataset: str
    method: str
    label: int
    split: str
    scope: Scope
    reason: str
    detail: str
    frame: int | None = None


def write_rejects(path: str, rejects: Iterable[Reject]) -> None:
    """Write rejects to a file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(path, "".join(json.dumps(asdict(reject)) + "\n" for reject in rejects))


def read_rejects(folder: str) -> Iterator[Reject]:
    """Yield the rejects of a `rejects` artifact, file by file.

    Raises:
        InputError: a line is not a reject; names file and line.
    """
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.jsonl"))):
        with open(path, encoding="utf-8", errors="backslashreplace") as stream:  # what is no UTF-8 is no JSON then
            for number, line in enumerate(stream, start=1):
                try:
                    yield Reject(**json.loads(line))
                except (ValueError, TypeError, RecursionError) as error:
                    raise InputError(f"{path}:{number}: not a line of rejects ({error})") from error
