"""The Beam side of extraction: one DoFn takes the videos of a shard and streams their faces into one TFRecord file.

No pixel enters a shuffle, so memory does not grow with the data. A shard appears under its name when it is complete, so
a retry is harmless, and an interrupted run continues with the shards that are missing.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

import cv2

from commands.quiet import import_tensorflow

tf = import_tensorflow()  # in a worker process this module is the first to import it

from artifacts.digests import file_digest  # noqa: E402
from artifacts.layout import split_dir  # noqa: E402
from artifacts.manifest import Video  # noqa: E402
from artifacts.regular_files import read_json  # noqa: E402
from artifacts.rejects import Reject, write_rejects  # noqa: E402
from artifacts.writing import make_folder, whole, write_json  # noqa: E402
from components.beam import beam  # noqa: E402
from components.face_example_gen import shard_progress  # noqa: E402
from components.face_example_gen.component import FaceExampleGenParameters  # noqa: E402
from faces.extraction import FaceExtractor  # noqa: E402

ShardKey = tuple[str, int]  # split, number of the shard in it


class ShardSummary(TypedDict):
    """What `manifest.json` holds about a shard.

    Attributes:
        split: "train", "val" or "test".
        file: path of the TFRecord file in the artifact.
        videos: number of videos.
        examples: number of faces.
        rejects: number of rejects.
        bytes: size of the file.
        digest: of the file, see `artifacts.digests.file_digest`.
    """

    split: str
    file: str
    videos: int
    examples: int
    rejects: int
    bytes: int
    digest: str


def deal(videos: Sequence[Video], shards: int) -> list[tuple[ShardKey, Video]]:
    """Give each video its shard, and all crops of a clip the same one.

    The shards of a split differ by one video or clip at most, and which goes where depends on their ids alone.
    """
    dealt = []
    for split in sorted({video.split for video in videos}):
        of_split = sorted((v for v in videos if v.split == split), key=lambda v: (_hash(v.shown_as), v.video_id))
        names = list(dict.fromkeys(video.shown_as for video in of_split))
        number = {name: index for index, name in enumerate(names)}
        dealt += [((split, number[video.shown_as] % shards), video) for video in of_split]
    return dealt


def _hash(video_id: str) -> bytes:
    return hashlib.blake2b(video_id.encode(), digest_size=8).digest()


def shard_name(stem: str, shard: int, shards: int, extension: str) -> str:
    """Return a shard's file name, such as `faces-00000-of-00016.tfrecord`."""
    return f"{stem}-{shard:05d}-of-{shards:05d}.{extension}"


def rejects_name(split: str, faces: str) -> str:
    """Return the name of a shard's file of rejects.

    Args:
        split: of the shard.
        faces: its TFRecord file.

    Example:
        >>> rejects_name("val", "Split-val/faces-00000-of-00016.tfrecord")
        'val-rejects-00000-of-00016.jsonl'
    """
    return f"{split}-rejects{os.path.basename(faces).removeprefix('faces').removesuffix('.tfrecord')}.jsonl"


class ExtractFaces(beam.PTransform):  # type: ignore[misc]  # Beam has no type hints
    """Takes what `deal` returns, writes the shards' files, and gives a `ShardSummary` for each."""

    def __init__(
        self, examples_dir: str, rejects_dir: str, parameters: FaceExampleGenParameters, threads: int | None = None
    ) -> None:
        super().__init__()
        self._arguments = (examples_dir, rejects_dir, parameters, threads)

    def expand(self, dealt: Any) -> Any:
        """Group the videos by shard, then write each shard."""
        return dealt | "GroupByShard" >> beam.GroupByKey() | "WriteShard" >> beam.ParDo(WriteShard(*self._arguments))


class WriteShard(beam.DoFn):  # type: ignore[misc]  # Beam has no type hints
    """Writes the shard of one key.

    Args:
        examples_dir, rejects_dir: folders that all workers share.
        parameters: of the extraction.
        threads: of OpenCV and TensorFlow in a worker's process; None for one per core. They change no byte.
    """

    def __init__(
        self, examples_dir: str, rejects_dir: str, parameters: FaceExampleGenParameters, threads: int | None = None
    ) -> None:
        super().__init__()
        self._threads = threads
        self._examples_dir, self._rejects_dir, self._shards = examples_dir, rejects_dir, parameters.shards
        self.extractor = FaceExtractor(parameters)

    def setup(self) -> None:
        """Prepare the process that does the work; Beam calls this."""
        if self._threads:
            cv2.setNumThreads(self._threads)
            with contextlib.suppress(RuntimeError):  # TensorFlow has started already
                tf.config.threading.set_intra_op_parallelism_threads(self._threads)
                tf.config.threading.set_inter_op_parallelism_threads(self._threads)

    def process(self, element: tuple[ShardKey, Iterable[Video]]) -> Iterator[ShardSummary]:
        """Write the shard, unless an earlier attempt has finished it."""
        (split, shard), videos = element
        folder = split_dir(self._examples_dir, split)
        summary_path = os.path.join(folder, shard_name("shard", shard, self._shards, "json"))
        if not os.path.exists(summary_path):
            make_folder(folder)
            make_folder(self._rejects_dir)
            summary = self._write(split, shard, sorted(videos, key=lambda video: video.video_id), summary_path)
            write_json(summary_path, summary, durable=True)  # last: from here on the shard counts as done
            shard_progress.forget(summary_path)
        yield read_json(summary_path, "Delete it, and run again")

    def _write(self, split: str, shard: int, videos: Sequence[Video], summary_path: str) -> ShardSummary:
        """Stream the videos' faces into the shard's TFRecord file, and write its rejects."""
        name = shard_name("faces", shard, self._shards, "tfrecord")
        faces, rejects = 0, list[Reject]()
        with whole(os.path.join(split_dir(self._examples_dir, split), name), durable=True) as path:
            with tf.io.TFRecordWriter(path) as writer, self.extractor:
                for done, extraction in enumerate(self.extractor.extract_all(videos), start=1):
                    for example in extraction.examples:
                        writer.write(example.serialize())
                    faces += len(extraction.examples)
                    rejects += extraction.rejects
                    shard_progress.note(summary_path, done, faces, len(rejects))
                    beam.metrics.Metrics.counter("faces", "videos").inc()
                    beam.metrics.Metrics.counter("faces", "faces").inc(len(extraction.examples))
            write_rejects(os.path.join(self._rejects_dir, rejects_name(split, name)), rejects)
            size, digest = os.path.getsize(path), file_digest(path)
        return {
            "split": split,
            "file": f"Split-{split}/{name}",
            "videos": len(videos),
            "examples": faces,
            "rejects": len(rejects),
            "bytes": size,
            "digest": digest,
        }
