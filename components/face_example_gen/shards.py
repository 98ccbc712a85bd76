"""The Beam side of extraction: one DoFn takes a shard of paths and streams its faces into one TFRecord.

No pixel enters a shuffle, so memory does not grow with the data; a shard is written under a temporary name and renamed
when whole, so a retry is idempotent and an interrupted run goes on with the shards that are missing.
"""

import hashlib
import json
import os

import tensorflow as tf

from components.beam import beam
from components.face_example_gen import progress
from components.face_example_gen.detector import MtcnnDetector
from components.face_example_gen.extraction import extract
from components.video_example_gen.manifest import Video


def shard_of(video_id, shards):
    """The shard of a video: a stable hash, the same on every machine and runner."""
    return int.from_bytes(hashlib.blake2b(video_id.encode(), digest_size=8).digest()) % shards


def shard_name(stem, shard, shards, extension):
    """`faces-00000-of-00016.tfrecord` and its like."""
    return f"{stem}-{shard:05d}-of-{shards:05d}.{extension}"


class ExtractFaces(beam.PTransform):
    """Manifest lines in (`Video`s with a split), one summary dict per shard out; the files are written by the way."""

    def __init__(self, examples_dir, rejects_dir, shards, frames):
        super().__init__()
        self.arguments = (examples_dir, rejects_dir, shards, frames)
        self.shards = shards

    def expand(self, videos):
        """Group paths by shard, then write each shard."""
        return (
            videos
            | "KeyByShard" >> beam.Map(lambda v: ((v.split, shard_of(v.video_id, self.shards)), v))
            | "GroupByShard" >> beam.GroupByKey()
            | "WriteShard" >> beam.ParDo(WriteShard(*self.arguments))
        )


class WriteShard(beam.DoFn):
    """((split, shard), videos) -> the shard's summary: files, counts and digest."""

    def __init__(self, examples_dir, rejects_dir, shards, frames):
        self.examples_dir, self.rejects_dir = examples_dir, rejects_dir
        self.shards, self.frames = shards, frames
        self.detector = None

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
            progress.forget(summary_path)
        with open(summary_path) as stream:
            yield json.load(stream)

    def write(self, split, shard, videos: list[Video], summary_path):
        """Stream the videos' faces into the shard's TFRecord and its rejects into a file beside; return the summary."""
        name = shard_name("faces", shard, self.shards, "tfrecord")
        path = os.path.join(self.examples_dir, f"Split-{split}", name)
        partial = f"{path}.{os.getpid()}.partial"
        count, rejects = 0, []
        try:
            with tf.io.TFRecordWriter(partial) as writer:
                for done, video in enumerate(videos, start=1):
                    found, refused = extract(video, self.frames, self.get_detector)
                    for example in found:
                        writer.write(example.serialize())
                    count += len(found)
                    rejects += refused
                    progress.note(summary_path, done, count, len(rejects))
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
