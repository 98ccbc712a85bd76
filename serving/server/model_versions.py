"""The versions of a model: the newest that works is served, and a new one is loaded while the server runs."""

import functools
import gc
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from artifacts.crop_size import CROP_SIZE
from artifacts.errors import InputError
from artifacts.layout import versions
from model.saved_model import check_files, find_saved_model
from model.served import ServedModel
from model.trial import run_probe
from serving.default_model import SHIPPED
from serving.server.refusals import Refusal

_PATIENCE = 3.0  # seconds

log = logging.getLogger(__name__)

# All files of a version: path, bytes, time of the last change in nanoseconds.
_Files = list[tuple[str, int, int]]


@dataclass(frozen=True, eq=False)
class ModelVersion:
    """One loaded version.

    Attributes:
        number: as in URLs; 1 if the folder is a single SavedModel.
        model: the model.
    """

    number: int
    model: ServedModel

    @functools.cached_property
    def signatures(self) -> dict[str, dict[str, Any]]:
        """Its signatures by name, as TensorFlow Serving prints them."""
        saved = saved_model_pb2.SavedModel()
        with open(os.path.join(self.model.path, "saved_model.pb"), "rb") as stream:
            saved.ParseFromString(stream.read())
        serving = next(graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags)
        return {
            name: json_format.MessageToDict(
                signature, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
            for name, signature in sorted(serving.signature_def.items())
        }


@dataclass(frozen=True)
class VersionStatus:
    """What became of a version, in TensorFlow Serving's words."""

    state: Literal["LOADING", "AVAILABLE", "END"]
    error_code: str = "OK"
    error_message: str = ""


_passed: set[tuple[str, int]] = set()  # digest and batch of the models that this process has had tried


def _ignore(loaded: bool) -> None:
    """Report a version to nobody."""


class ModelVersions:
    """Serves the newest version that works.

    A version that is replaced lives on until the requests that began with it are done: they hold it.

    Args:
        folder: with versions, which `watch` looks for, or a single SavedModel.
        max_batch: faces of the largest batch that each version is tried with.
        trial_seconds: in which a version must answer in a process of its own, before it is loaded here.
        version_changed: called with True after each version that was loaded, with False after each that was refused.

    Attributes:
        current: the version for new requests; None before `load_first`.
    """

    def __init__(
        self,
        folder: str,
        max_batch: int = 1,
        version_changed: Callable[[bool], None] = _ignore,
        trial_seconds: float = 120.0,
    ) -> None:
        self._folder, self._max_batch, self._version_changed = folder, max_batch, version_changed
        self._trial_seconds = trial_seconds
        self.current: ModelVersion | None = None
        self._single = not versions(folder)
        self._status: dict[int, VersionStatus] = {}
        self._refused: dict[int, _Files] = {}  # number -> its files when it was refused
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def load_first(self) -> None:
        """Load the newest version that works.

        Raises:
            InputError: no version works.
        """
        if self._single:
            self._serve(ModelVersion(1, self._load(self._folder)))
            return
        self.refresh()
        if self.current is None:
            reasons = "".join(f"\nversion {n}: {s.error_message}" for n, s in sorted(self._status.items()))
            raise InputError(f"{self._folder}: none of its versions works; push a model that does{reasons}")

    def watch(self, seconds: float) -> None:
        """Look for a new version every so many seconds, in a thread of its own, until `stop`."""
        if not self._single:
            self._thread = threading.Thread(target=self._watch, args=[seconds], name="versions", daemon=True)
            self._thread.start()

    def stop(self) -> bool:
        """End the watching. A trial is given up; a version that is being loaded is waited for, but not for ever.

        Returns:
            Whether the watching has ended.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)
        return self._thread is None or not self._thread.is_alive()

    def _watch(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            try:
                self.refresh()
            except Exception:
                log.exception("looking for new versions failed; trying again")

    def refresh(self) -> None:
        """Serve the newest version that works, if it is another than the current one."""
        found = versions(self._folder)
        self._forget_all_but({number for number, _ in found})
        for number, path in found:  # the newest first
            if self.current is not None and number == self.current.number:
                return
            files = _files(path)
            if self._refused.get(number) == files:
                continue
            self._status[number] = VersionStatus("LOADING")
            try:
                version = ModelVersion(number, self._load(path))
                if not version.signatures:
                    raise ValueError(f"{path}: has no signatures")
            except Exception as error:
                if self._stop.is_set():
                    return
                self._refused[number] = files
                self._refuse(number, error)
            else:
                self._serve(version)
                return

    def _forget_all_but(self, numbers: set[int]) -> None:
        if self.current is not None:
            numbers.add(self.current.number)
        for number in self._status.keys() - numbers:
            del self._status[number]
            self._refused.pop(number, None)

    def _load(self, path: str) -> ServedModel:
        """Load a model that has passed a trial elsewhere, and try it with one face and with a whole batch."""
        self._try(path)
        model = ServedModel(path)
        model.warm_up()
        if self._max_batch > 1:
            model.predict(np.zeros((self._max_batch, CROP_SIZE, CROP_SIZE, 3), np.uint8))
        return model

    def _try(self, path: str) -> None:
        """Let a process of its own load and call a model: one that hangs would never come back here."""
        saved_model = find_saved_model(path)
        key = (check_files(saved_model), self._max_batch)
        if key in _passed or os.path.realpath(saved_model).startswith(os.path.realpath(SHIPPED) + os.sep):
            return
        passed, answer = run_probe(saved_model, self._trial_seconds, self._max_batch, self._stop)
        if not passed:
            raise InputError(f"{path}: failed its trial: {answer}")
        _passed.add(key)

    def _refuse(self, number: int, error: Exception) -> None:
        # The log has the whole error; clients get no paths.
        self._status[number] = VersionStatus("END", "INVALID_ARGUMENT", _public_message(number, error))
        instead = f"version {self.current.number} stays" if self.current else "trying an older one"
        log.error("version %s was refused, %s: %s", number, instead, error)
        self._version_changed(False)

    def _serve(self, version: ModelVersion) -> None:
        before, self.current = self.current, version
        self._refused.pop(version.number, None)
        if before is not None:
            self._status[before.number] = VersionStatus("END")
            log.warning("version %s replaces version %s", version.number, before.number)
        self._status[version.number] = VersionStatus("AVAILABLE")
        self._version_changed(True)
        del before
        gc.collect()  # a loaded model is a cycle of references

    def find(self, number: int | None = None) -> ModelVersion:
        """The current version, which must have that number if one is given.

        Raises:
            Refusal: 404, the version is not loaded; 503, no version is.
        """
        current = self.current
        if current is None:
            raise Refusal(503, "No model is loaded yet. Try again in a moment", retry_after=5)
        if number is not None and number != current.number:
            message = (
                f"Version {number} is not served; version {current.number} is. Leave the version out to get the newest"
            )
            raise Refusal(404, message)
        return current

    def status(self, number: int | None = None) -> list[tuple[int, VersionStatus]]:
        """Number and status of one version, or of all versions that were seen, the newest first.

        Raises:
            Refusal: 404, no such version.
        """
        known = dict(self._status)
        if number is None:
            return sorted(known.items(), reverse=True)
        if number not in known:
            raise Refusal(404, f"Version {number} is not known here")
        return [(number, known[number])]


def _public_message(number: int, error: Exception) -> str:
    if "is not finite" in str(error):
        return f"Version {number} answers with NaN or infinity. The server's log has more"
    if "no answer within" in str(error):
        return f"Version {number} did not answer in time. The server's log has more"
    return f"Version {number} cannot be loaded. The server's log says why"


def _files(path: str) -> _Files:
    """The files of a version; they differ once somebody has repaired it."""
    found = []
    for parent, _, names in os.walk(path):
        for name in names:
            file = os.path.join(parent, name)
            try:
                status = os.stat(file)
            except OSError:
                continue
            found.append((file, status.st_size, status.st_mtime_ns))
    return sorted(found)
