"""The Beam side of extraction: one DoFn takes a shard of paths and streams its faces into one TFRecord.

No pixel enters a shuffle, so memory does not grow with the data; a shard is written under a temporary name and renamed
when whole, so a retry is idempotent and an interrupted run goes on with the shards that are missing.
"""

import contextlib
import functools
import hashlib
import itertools
import json
import os
import sys

import cv2

from commands.quiet import import_tensorflow

tf = import_tensorflow()  # in a worker process it is this module that imports it first

from artifacts.manifest import Video  # noqa: E402
from components.beam import beam  # noqa: E402
from components.face_example_gen import shard_progress  # noqa: E402
from faces.detector import MtcnnDetector  # noqa: E402
from faces.extraction import extract  # noqa: E402
from faces.reading import FrameReader  # noqa: E402


def deal(videos, shards):
    """Give each video its shard: [((split, shard), video)].

    Shards of a split differ by one video at most, and the deal hangs on the videos' ids alone.
    """
    dealt = []
    for split in sorted({video.split for video in videos}):
        of_split = sorted((v for v in videos if v.split == split), key=lambda v: (_hash(v.video_id), v.video_id))
        dealt += [((split, number % shards), video) for number, video in enumerate(of_split)]
    return dealt


def _hash(video_id):
    return hashlib.blake2b(video_id.encode(), digest_size=8).digest()


def shard_name(stem, shard, shards, extension):
    """`faces-00000-of-00016.tfrecord` and its like."""
    return f"{stem}-{shard:05d}-of-{shards:05d}.{extension}"


class ExtractFaces(beam.PTransform):
    """((split, shard), `Video`) as `deal` gives them in, one summary dict per shard out; files are written by the way."""

    def __init__(self, examples_dir, rejects_dir, parameters):
        super().__init__()
        self.arguments = (examples_dir, rejects_dir, parameters)

    def expand(self, dealt):
        """Group paths by shard, then write each shard."""
        return dealt | "GroupByShard" >> beam.GroupByKey() | "WriteShard" >> beam.ParDo(WriteShard(*self.arguments))


class WriteShard(beam.DoFn):
    """((split, shard), videos) -> the shard's summary: files, counts and digest."""

    def __init__(self, examples_dir, rejects_dir, parameters):
        self.examples_dir, self.rejects_dir = examples_dir, rejects_dir
        self.parameters, self.shards = parameters, parameters.shards
        self.detector = None

    def setup(self):
        """Beam calls this once in the process that works."""
        main = sys.modules["__main__"].__spec__
        if main and main.name.startswith("apache_beam."):  # a worker process: there is one for each core
            cv2.setNumThreads(1)
            with contextlib.suppress(RuntimeError):  # TensorFlow has begun its work with as many threads as it likes
                tf.config.threading.set_intra_op_parallelism_threads(1)
                tf.config.threading.set_inter_op_parallelism_threads(1)

    def get_detector(self):
        """The process's detector, built when the first frame needs it."""
        if self.detector is None:
            self.detector = MtcnnDetector()
        return self.detector

    def process(self, element):
        """Write the shard, or skip it where an earlier attempt has finished it."""
        (split, shard), videos = element
        folder = os.path.join(self.examples_dir, f"Split-{split}")
        summary_path = os.path.join(folder, shard_name("shard", shard, self.shards, "json"))
        if not os.path.exists(summary_path):
            os.makedirs(folder, exist_ok=True)
            os.makedirs(self.rejects_dir, exist_ok=True)
            summary = self.write(split, shard, sorted(videos, key=lambda v: v.video_id), summary_path)
            _write_whole(summary_path, json.dumps(summary))  # last: from here on the shard counts as done
            shard_progress.forget(summary_path)
        with open(summary_path) as stream:
            yield json.load(stream)

    def extract_all(self, videos):
        """Yield what `extract` gives of each video, while the next one is decoded already."""
        limits = self.parameters.frames, self.parameters.decode_time_limit
        with FrameReader(*limits) as reader, FrameReader(*limits) as again:
            for video, reading in reader.read(videos):
                # A second reading is rare, and gets a process of its own: the first one has begun the next video.
                readings = itertools.chain([reading], (second for _, second in again.read([video])))
                yield extract(video, functools.partial(next, readings), self.get_detector, self.parameters)

    def write(self, split, shard, videos: list[Video], summary_path):
        """Stream the videos' faces into the shard's TFRecord and its rejects into a file beside; return the summary."""
        name = shard_name("faces", shard, self.shards, "tfrecord")
        path = os.path.join(self.examples_dir, f"Split-{split}", name)
        partial = f"{path}.{os.getpid()}.partial"
        count, rejects = 0, []
        try:
            with tf.io.TFRecordWriter(partial) as writer:
                for done, (found, refused) in enumerate(self.extract_all(videos), start=1):
                    for example in found:
                        writer.write(example.serialize())
                    count += len(found)
                    rejects += refused
                    shard_progress.note(summary_path, done, count, len(rejects))
                    beam.metrics.Metrics.counter("faces", "videos").inc()
                    beam.metrics.Metrics.counter("faces", "faces").inc(len(found))
            lines = "".join(json.dumps(reject.as_dict()) + "\n" for reject in rejects)
            rejects_name = f"{split}-{shard_name('rejects', shard, self.shards, 'jsonl')}"
            _write_whole(os.path.join(self.rejects_dir, rejects_name), lines)
            digest, size = _digest(partial)
            os.replace(partial, path)
        finally:
            if os.path.exists(partial):
                os.remove(partial)
        return {
            "split": split,
            "file": f"Split-{split}/{name}",
            "videos": len(videos),
            "examples": count,
            "rejects": len(rejects),
            "bytes": size,
            "digest": digest,
        }


def _write_whole(path, text):
    partial = f"{path}.{os.getpid()}.partial"
    with open(partial, "w") as stream:
        stream.write(text)
    os.replace(partial, path)


def _digest(path):
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest(), stream.tell()
