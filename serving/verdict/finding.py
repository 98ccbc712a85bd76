"""Find the faces of one file, exactly as the training data's were found."""

import functools
import itertools
from dataclasses import dataclass, field

from artifacts.face_examples import FaceExample
from artifacts.manifest import Video
from faces.decoder import NO_LIMITS
from faces.detector import MtcnnDetector
from faces.extraction import extract
from faces.reading import FrameReader
from serving.verdict import pictures
from serving.verdict.parameters import JudgeParameters


@dataclass(frozen=True)
class Found:
    """What was found in one file.

    Attributes:
        file: its name as the user gave it.
        kind: "video", "image" or "crop"; None where it cannot be read.
        examples: `FaceExample`s, their crops WebP without loss.
        rejects: `faces.extraction.Reject`s.
        wanted: how many frames were to be looked at.
        info: `width`, `height`, `frames`, `seconds`.
        frames: index -> the frame as a small WebP, boxes not drawn; empty unless they were to be kept.
    """

    file: str
    kind: str | None
    examples: list[FaceExample]
    rejects: list
    wanted: int
    info: dict
    frames: dict = field(default_factory=dict)


class FaceFinder:
    """Finds faces in one file after the other; decoding happens in a process that may die of a file.

    Args:
        parameters: `JudgeParameters`.
        limits: what a file may hold.

    A context manager. Use it from one thread.
    """

    def __init__(self, parameters=None, limits=NO_LIMITS):
        parameters = parameters or JudgeParameters()
        of_reading = parameters.frames, parameters.decode_time_limit, limits
        self._first, self._again, self._detector = FrameReader(*of_reading), FrameReader(*of_reading), None
        self.choose(parameters)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the decoding processes."""
        self._first.close()
        self._again.close()

    def choose(self, parameters):
        """Take other parameters for the files to come."""
        self.parameters, self.extraction = parameters, parameters.extraction()
        for reader in (self._first, self._again):
            reader.count, reader.time_limit = parameters.frames, parameters.decode_time_limit

    def abort(self):
        """Kill the decoding of the file that is being read: it then counts as crashed. From any thread.

        It may come too late for that file: `close` before the next one, which would be blamed.
        """
        self._first.kill()
        self._again.kill()

    def find(self, path, *, kind="auto", name=None, progress=None, keep_frames=False):
        """Find the faces of one file; see `find_all`."""
        ((found),) = self.find_all([path], kind=kind, names=[name or path], progress=progress, keep_frames=keep_frames)
        return found

    def find_all(self, paths, *, kind="auto", names=None, progress=None, keep_frames=False):
        """Yield a `Found` for each file, in order; the next file is decoded meanwhile.

        Args:
            paths: of the files.
            kind: of all of them: "auto", "video", "image", or "crop" for faces that are already cut out.
            names: what to call them; their paths by default.
            progress: called with (frames looked at, frames wanted at most) as they come; may raise to give up.
            keep_frames: keep small copies of the frames.
        """
        paths = list(paths)
        videos = [Video(path, path, "", "", 0, kind=kind) for path in paths]
        for (video, first), name in zip(self._first.read(videos), names or paths, strict=True):
            # A second reading, for smaller faces, is rare; its process has not begun with the next file.
            readings = itertools.chain([first], (second for _, second in self._again.read([video])))
            seen = _Seen(self.parameters.frames, progress, keep_frames)
            examples, rejects = extract(
                video, functools.partial(seen.watch, readings), self._get_detector, self.extraction
            )
            info = dict(seen.reading.info)
            read_as = info.pop("kind", None)
            if read_as and kind == "crop":
                read_as = "crop"
            wanted = max(len(seen.reading.wanted), len({example.frame_index for example in examples}))
            yield Found(name, read_as, examples, rejects, wanted, info, seen.frames)

    def _get_detector(self):
        if self._detector is None:
            self._detector = MtcnnDetector()
        return self._detector


class _Seen:
    """Counts and keeps what the detector is given."""

    def __init__(self, most, progress, keep):
        self.most, self.progress, self.keep = most, progress, keep
        self.frames, self.reading = {}, None

    def watch(self, readings):
        """The next reading, watched."""
        self.reading, self.frames = next(readings), {}
        return self

    def __iter__(self):
        done = 0
        for batch in self.reading:
            yield batch
            if self.keep:
                self.frames |= {
                    index: pictures.small(image) for index, image in zip(batch.indices, batch.images, strict=True)
                }
            done += len(batch.indices)
            if self.progress:
                self.progress(done, max(self.most, done))

    def __getattr__(self, name):
        return getattr(self.reading, name)
