"""The versions of a model: the newest that works is served; a new one is taken up while the server runs."""

import dataclasses
import functools
import gc
import logging
import os
import threading

import numpy as np
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from model.recipes import CROP_SIZE
from model.saved_model import versions
from model.served import ServedModel
from serving.server.refusals import Refusal

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class ModelVersion:
    """One loaded version.

    Attributes:
        number: as in URLs; 1 where the folder is a single SavedModel.
        model: the `ServedModel`.
    """

    number: int
    model: ServedModel

    @functools.cached_property
    def signatures(self):
        """Its signatures as TensorFlow Serving prints them."""
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


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """What became of a version, in TensorFlow Serving's words."""

    state: str  # LOADING, AVAILABLE, END
    error_code: str = "OK"
    error_message: str = ""


class ModelVersions:
    """Keeps the newest version that works.

    A version that is replaced lives on until the requests that began with it are done: they hold it.

    Args:
        folder: of versions, then watched by `watch`, or a single SavedModel.
        max_batch: rows of the largest batch that each version is tried with.
        changed: called with True after each version that was taken up, with False after each that was refused.

    Attributes:
        current: the `ModelVersion` that new requests go to.
    """

    def __init__(self, folder, max_batch=1, changed=lambda worked: None):
        self.folder, self.max_batch, self.changed = folder, max_batch, changed
        self.current = None
        self._single = not versions(folder)
        self._status = {}  # number -> VersionStatus
        self._refused = {}  # number -> what its files were then
        self._stop = threading.Event()
        self._thread = None

    def load_first(self):
        """Load the newest version that works.

        Raises:
            ValueError: there is none.
        """
        if self._single:
            self._take(ModelVersion(1, self._tried(self.folder)))
            return
        self.refresh()
        if self.current is None:
            reasons = "".join(f"\nversion {n}: {s.error_message}" for n, s in sorted(self._status.items()))
            raise ValueError(f"{self.folder}: none of its versions works; push a model that does{reasons}")

    def watch(self, seconds):
        """Look for a new version every so often, in a thread of its own, until `stop`."""
        if not self._single:
            self._thread = threading.Thread(target=self._watch, args=[seconds], name="versions", daemon=True)
            self._thread.start()

    def stop(self):
        """End the watching; waits for a version that is being loaded."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, seconds):
        while not self._stop.wait(seconds):
            try:
                self.refresh()
            except Exception:
                log.exception("looking for new versions failed; trying again")

    def refresh(self):
        """Take up the newest version, if it is another than the current one and works."""
        there = versions(self.folder)
        self._forget({number for number, _ in there})
        for number, path in there:
            if self.current is not None and number == self.current.number:
                return
            files = _files(path)
            if self._refused.get(number) == files:
                continue
            self._status[number] = VersionStatus("LOADING")
            try:
                version = ModelVersion(number, self._tried(path))
                if not version.signatures:
                    raise ValueError(f"{path}: has no signatures")
            except Exception as error:
                self._refused[number] = files
                # The log has the whole of it; clients get no paths.
                self._status[number] = VersionStatus("END", "INVALID_ARGUMENT", _public(error, number))
                serving = f"version {self.current.number} goes on" if self.current else "trying an older one"
                log.error("version %s was refused, %s: %s", number, serving, error)
                self.changed(False)
                continue
            self._take(version)
            return

    def _forget(self, there):
        for number in self._status.keys() - there - {self.current and self.current.number}:
            del self._status[number]
            self._refused.pop(number, None)

    def _tried(self, path):
        """Load a model and try it, with one face and with a whole batch."""
        model = ServedModel(path)
        model.warm_up()
        if self.max_batch > 1:
            model.predict(np.zeros((self.max_batch, CROP_SIZE, CROP_SIZE, 3), np.uint8))
        return model

    def _take(self, version):
        before, self.current = self.current, version
        self._refused.pop(version.number, None)
        if before is not None:
            self._status[before.number] = VersionStatus("END")
            log.warning("version %s replaces version %s", version.number, before.number)
        self._status[version.number] = VersionStatus("AVAILABLE")
        self.changed(True)
        del before
        gc.collect()  # a loaded model is a cycle of references

    def find(self, number=None):
        """The loaded version of that number, or the current one.

        Raises:
            Refusal: 404, it is not loaded; 503, none is.
        """
        current = self.current
        if current is None:
            raise Refusal(503, "No model is loaded yet. Try again in a moment", retry_after=5)
        if number is not None and number != current.number:
            raise Refusal(
                404,
                f"Version {number} is not served; version {current.number} is. Leave the version out to get the newest",
            )
        return current

    def status(self, number=None):
        """[(number, `VersionStatus`)] of all versions that were seen, or of one; the newest first.

        Raises:
            Refusal: 404, no such version.
        """
        known = dict(self._status)
        if number is not None and number not in known:
            raise Refusal(404, f"Version {number} is not known here")
        return [(n, known[n]) for n in sorted(known, reverse=True) if number in (None, n)]


def _public(error, number):
    if "is not finite" in str(error):
        return f"Version {number} answers with what is not a number. The server's log has more"
    return f"Version {number} cannot be loaded. The server's log says why"


def _files(path):
    """What tells whether somebody mended a version since."""
    found = []
    for parent, _, names in os.walk(path):
        for name in names:
            try:
                status = os.stat(os.path.join(parent, name))
            except OSError:
                continue
            found.append((os.path.join(parent, name), status.st_size, status.st_mtime_ns))
    return sorted(found)
