"""Find the faces in the user's files, exactly as those of the training data were found."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from artifacts.face_examples import FaceExample
from artifacts.manifest import Video
from artifacts.rejects import Reject
from faces.decoder import NO_LIMITS, Limits
from faces.extraction import Extraction, FaceExtractor
from faces.reading import Batch
from serving.verdict.input_files import Kind
from serving.verdict.stages import FINDING, StageProgress, no_progress
from serving.verdict.thumbnails import thumbnail
from serving.verdict.verdict_json import FileInfo
from serving.verdict.verdict_options import VerdictOptions


@dataclass(frozen=True)
class Found:
    """What was found in one file.

    Attributes:
        file: its name as the user gave it.
        kind: "video", "image" or "crop"; None if it cannot be read.
        examples: the faces, their crops stored as WebP without loss.
        rejects: what gave no face, and why.
        wanted: number of frames to examine.
        info: digest, size and length of the file.
        frames: index -> the frame as a small WebP, without boxes; empty unless the frames were to be kept.
    """

    file: str
    kind: str | None
    examples: list[FaceExample]
    rejects: list[Reject]
    wanted: int
    info: FileInfo
    frames: dict[int, bytes] = field(default_factory=dict)


class FaceFinder:
    """Finds the faces in one file after the other; a process of its own decodes the next file meanwhile.

    A context manager. Use it from one thread, except for `abort`.

    Args:
        options: of the verdicts.
        limits: what a file may hold.
    """

    def __init__(self, options: VerdictOptions | None = None, limits: Limits = NO_LIMITS) -> None:
        self._options = options or VerdictOptions()
        self._extractor = FaceExtractor(self._options.extraction(), limits)

    def __enter__(self) -> "FaceFinder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the decoding processes; the next file starts new ones."""
        self._extractor.close()

    def choose(self, options: VerdictOptions) -> None:
        """Use other options for the files to come."""
        self._options = options
        self._extractor.choose(options.extraction())

    def abort(self) -> None:
        """Kill the decoding of the file that is being read; see `FaceExtractor.abort`. Call it from any thread."""
        self._extractor.abort()

    def find(
        self,
        path: str,
        *,
        kind: Kind = "auto",
        name: str | None = None,
        progress: StageProgress = no_progress,
        keep_frames: bool = False,
    ) -> Found:
        """Find the faces of one file; see `find_all`."""
        (found,) = self.find_all([path], kind=kind, names=[name or path], progress=progress, keep_frames=keep_frames)
        return found

    def find_all(
        self,
        paths: Sequence[str],
        *,
        kind: Kind = "auto",
        names: Sequence[str] | None = None,
        progress: StageProgress = no_progress,
        keep_frames: bool = False,
    ) -> Iterator[Found]:
        """Yield what was found in each file, in order.

        Args:
            paths: of the files.
            kind: what the files are.
            names: what to call them; their paths by default.
            progress: called after each batch of frames, with the largest number of frames of a video as the total.
            keep_frames: keep small copies of the frames.
        """
        frames: dict[int, bytes] = {}

        def watch(batch: Batch, searched: int) -> None:
            if keep_frames:
                for index, image in zip(batch.indices, batch.images, strict=True):
                    frames[index] = thumbnail(image)
            progress(FINDING, searched, max(self._options.frames, searched))

        videos = [Video(path, path, "", "", 0, kind=kind) for path in paths]
        for extraction, name, path in zip(
            self._extractor.extract_all(videos, watch), names or paths, paths, strict=True
        ):
            yield self._found(name, kind, extraction, dict(frames), identity_of(path))
            frames.clear()

    @staticmethod
    def _found(name: str, kind: Kind, extraction: Extraction, frames: dict[int, bytes], info: FileInfo) -> Found:
        source, read_as = extraction.info, None
        if source:
            read_as = "crop" if kind == "crop" else source["kind"]
            info["width"], info["height"] = source["width"], source["height"]
            info["frames"], info["seconds"] = source["frames"], source["seconds"]
        wanted = max(len(extraction.wanted), len({example.frame_index for example in extraction.examples}))
        return Found(name, read_as, extraction.examples, extraction.rejects, wanted, info, frames)


def identity_of(path: str) -> FileInfo:
    """What tells a file from all others; nothing for what is no regular file or cannot be read."""
    info = FileInfo()
    if os.path.isfile(path):
        with contextlib.suppress(OSError), open(path, "rb") as stream:
            info["sha256"] = hashlib.file_digest(stream, "sha256").hexdigest()
            info["bytes"] = os.fstat(stream.fileno()).st_size
    return info
