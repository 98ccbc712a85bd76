"""The robustness sweep on films: they are coded again, and the same faces are cut out of them and scored."""

import contextlib
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import av
import numpy as np
import tensorflow as tf

from artifacts import face_examples, predictions
from artifacts.crop_size import CROP_SIZE
from artifacts.errors import InputError
from artifacts.manifest import Video, read_manifest
from artifacts.predictions import Columns
from artifacts.preprocessing import Preprocessing, read_of_examples
from artifacts.writing import make_folder, whole
from commands import progress
from evaluation.columns import encode, plain_texts, take
from evaluation.crops import read_crops
from evaluation.results import LeftOut
from evaluation.robustness import OUTPUTS
from evaluation.sampling import rows_of_some_videos
from evaluation.scores import THIS, UNCHANGED, Part
from evaluation.vocabulary import CHANGES, ChangeName
from faces.alignment import fit_crop
from faces.decoder import DecodeError
from faces.reading import FrameReader
from faces.reencoding import ALL_FRAMES, PROFILES, Coding, WantedFace, missing_encoder, recoded_crops
from model.saved_model import digest
from model.served import load_model

NOT_A_FILM = "no film: face crops or pictures, of which nothing can be coded again as a film is"
NOT_LISTED = "the list of videos does not name it"
NO_LANDMARKS = "its faces have no landmarks, by which they could be cut out again"
CHANGED = "the file has changed since its faces were cut out"
REASONS = {
    "missing_file": "the file is not where the list of videos says",
    "missing_frame": "a frame in which a face was found does not decode any more",
}
SAME = 2.0  # mean difference of a crop's pixels, of 255, that rounding may make
KEPT = "films"  # folder beside the predictions: the scores of each film that is done
TIME_LIMIT = 3600.0  # seconds that decoding one film may take


class NotCoded(Exception):
    """A film is not coded again; the message is the reason, the same for all films that it holds for."""


class Films(NamedTuple):
    """What a sweep on films gives: the rows of the chosen faces with their scores, and which films gave none."""

    parts: dict[Part, Columns]
    left_out: LeftOut


class _Faces(NamedTuple):
    """The faces of one film.

    Attributes:
        video_id: of the film.
        rows: of the predictions, int [n], in the order of `wanted`.
        wanted: frames and landmarks, by frame.
        crops: as they were scored, uint8 [n, 256, 256, 3].
    """

    video_id: str
    rows: np.ndarray
    wanted: list[WantedFace]
    crops: np.ndarray


def check_encoders(changes: Sequence[ChangeName]) -> None:
    """Make sure that there are encoders for all changes of films.

    Raises:
        InputError: one is missing; names it.
    """
    for name in changes:
        codec = missing_encoder(name) if CHANGES[name].of == "films" else None
        if codec:
            raise InputError(
                f"robustness: {name} needs the encoder {codec}, which this PyAV ({av.__version__}) lacks. Install PyAV "
                f"as a wheel (pip install --force-reinstall --only-binary av av), or leave {name} out"
            )


class FilmSweep:
    """Codes films again and scores their faces.

    Args:
        files: the TFRecord files that the predictions in `folder` of the test split were written from.
        folder: of the predictions.
        columns: these predictions.
        videos_dir: a `videos` artifact, which says where the films are.
        examples_dir: the `examples` artifact, which says how the faces were cut out.
        saved_model: of the model.
        changes: changes of films.
        batch_size: faces per forward pass.
    """

    def __init__(
        self,
        files: Sequence[str],
        folder: str,
        columns: Columns,
        videos_dir: str,
        examples_dir: str,
        saved_model: str,
        changes: Sequence[ChangeName],
        batch_size: int = 32,
    ) -> None:
        self.files, self.folder, self.columns, self.batch_size = files, folder, columns, batch_size
        self.videos = {video.video_id: video for video in read_manifest(videos_dir, "test")}
        self.how = read_of_examples(examples_dir) or Preprocessing()
        self.model, self.predict = digest(saved_model), load_model(saved_model)
        self.steps = [
            (name, severity) for name in changes for severity, _ in enumerate(CHANGES[name].strengths, start=1)
        ]
        self.codings: list[Coding] = [
            PROFILES[name](CHANGES[name].strengths[severity - 1]) for name, severity in self.steps
        ]

    def run(self, most_videos: int | None = None) -> Films:
        """Code films again; those that cannot be are counted by reason, and named on standard output.

        The scores of each film are kept beside the predictions, so that an interrupted run continues film by film.

        Args:
            most_videos: of each data set and method at most, evenly spaced; None takes all.
        """
        chosen = rows_of_some_videos(self.columns, most_videos, each="method")
        make_folder(os.path.join(self.folder, KEPT))
        codes, names = encode(self.columns["video_id"])
        videos = np.unique(codes[chosen])
        rows, scores, left_out = list[np.ndarray](), list[dict[str, np.ndarray]](), dict[str, Counter[str]]()
        with (
            FrameReader(ALL_FRAMES, TIME_LIMIT) as reader,
            progress.bar(videos, desc="coding films again", unit="film", leave=False) as shown,
        ):
            for code in shown:
                of_film, name = chosen[codes[chosen] == code], names[code]
                try:
                    faces = self._faces(name, of_film)
                    scores.append(self._scores(reader, faces, shown))
                    rows.append(faces.rows)
                except (DecodeError, NotCoded) as error:
                    reason = REASONS.get(error.reason, error.reason) if isinstance(error, DecodeError) else str(error)
                    left_out.setdefault(self._dataset(of_film), Counter())[reason] += 1
                    progress.print_above(f"not coded again: {self._where(name)}: {error}", sys.stdout)
        return Films(self._parts(rows, scores), {dataset: dict(counts) for dataset, counts in left_out.items()})

    def _dataset(self, rows: np.ndarray) -> str:
        return str(plain_texts(take(self.columns, rows[:1]))["dataset"][0])

    def _where(self, name: str) -> str:
        return f"{name} ({self.videos[name].uri})" if name in self.videos else name

    def _film(self, name: str) -> Video:
        """Return the film of that id, or say why there is none."""
        video = self.videos.get(name)
        if video is None:
            raise NotCoded(NOT_LISTED)
        if video.kind != "video":
            raise NotCoded(NOT_A_FILM)
        return video

    def _faces(self, name: str, rows: np.ndarray) -> _Faces:
        self._film(name)
        wanted = []
        for number, offset in zip(*predictions.locate(self.folder, "test", rows), strict=True):
            example = face_examples.parse(face_examples.read_record(self.files[number], offset))
            wanted.append(WantedFace(int(example["frame/index"]), example["face/landmarks"].numpy()))
        if not all(np.isfinite(face.landmarks).all() for face in wanted):
            raise NotCoded(NO_LANDMARKS)
        order = sorted(range(len(wanted)), key=lambda k: wanted[k].frame)
        crops = read_crops(self.files, self.folder, "test", rows)
        return _Faces(name, rows[order], [wanted[k] for k in order], crops[order])

    def _scores(self, reader: FrameReader, faces: _Faces, shown: Any) -> dict[str, np.ndarray]:
        """Return the model's outputs, float32 [1 + steps, n] each; those of an interrupted run are read."""
        path = os.path.join(self.folder, KEPT, f"{self._key(faces)}.npy")
        shape = (len(OUTPUTS), 1 + len(self.steps), len(faces.rows))
        with contextlib.suppress(OSError, ValueError, EOFError):  # there is none, or it is damaged
            kept = np.load(path, allow_pickle=False)
            if kept.shape == shape and kept.dtype == np.float32:
                return dict(zip(OUTPUTS, kept, strict=True))
        found = self._score(self._crops(reader, faces, shown))
        with whole(path) as temporary, open(temporary, "wb") as stream:
            np.save(stream, np.stack([found[name] for name in OUTPUTS]), allow_pickle=False)
        return found

    def _key(self, faces: _Faces) -> str:
        """Return a digest of all that the scores of a film follow from."""
        film = self._film(faces.video_id)
        parts = (self.model, film.uri, film.digest, self.codings, self.how, [face.frame for face in faces.wanted])
        key = hashlib.blake2b(repr(parts).encode("utf-8", "surrogateescape"), digest_size=16)
        for face in faces.wanted:
            key.update(face.landmarks.tobytes())
        key.update(faces.crops.tobytes())
        return key.hexdigest()

    def _crops(self, reader: FrameReader, faces: _Faces, shown: Any) -> np.ndarray:
        """Return the crops as they were and after each coding, uint8 [1 + steps, n, 256, 256, 3]."""
        frames, noted = 0, time.monotonic()

        def watch(count: int) -> None:
            nonlocal frames, noted
            frames += count
            shown.set_postfix(frames=frames, refresh=False)
            if time.monotonic() > noted + progress.interval():
                shown.refresh()
                noted = time.monotonic()

        crops = recoded_crops(reader, self._film(faces.video_id), faces.wanted, self.codings, self.how, watch)
        if self.how.crop_size != CROP_SIZE:
            crops = np.stack([np.stack([fit_crop(crop) for crop in of_step]) for of_step in crops])
        off = np.abs(crops[0].astype(np.int16) - faces.crops).mean(axis=(1, 2, 3)).max()
        if off > SAME:
            raise NotCoded(CHANGED)
        crops[0] = faces.crops
        return crops

    def _score(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """Return the model's outputs, float32 [1 + steps, n] each."""
        flat = crops.reshape(-1, *crops.shape[2:])
        outputs = [
            self.predict(tf.constant(flat[start : start + self.batch_size]))
            for start in range(0, len(flat), self.batch_size)
        ]
        return {
            name: np.concatenate([output[name].numpy() for output in outputs]).reshape(crops.shape[:2])
            for name in OUTPUTS
        }

    def _parts(self, rows: Sequence[np.ndarray], scores: Sequence[dict[str, np.ndarray]]) -> dict[Part, Columns]:
        if not rows:
            return {}
        chosen = take(self.columns, np.concatenate(rows))
        joined = {name: np.concatenate([of_film[name] for of_film in scores], axis=1) for name in OUTPUTS}
        return {
            part: {**chosen, **{name: values[number] for name, values in joined.items()}}
            for number, part in enumerate(self._names())
        }

    def _names(self) -> Iterator[Part]:
        yield Part(THIS, "test", UNCHANGED["films"])
        for name, severity in self.steps:
            yield Part(THIS, "test", name, severity)
