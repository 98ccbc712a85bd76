"""Where an execution works until its outputs are published; what is there outlives every fault before that.

`<root>/.staging/<Component>-<key>/` holds a folder for each output and `finished.json`, which is blank until the work
is done. It has its full size from the start, so that a disk that the work has filled has room for what it will say.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from typing import Any

from artifacts.digests import artifact_digest
from artifacts.layout import FINISHED, artifact_dir, staging_dir
from artifacts.writing import remove_partial
from components.base import Component

ROOM = 4096  # bytes of a blank note; a longer one makes the file grow


class Staging:
    """The folders of one piece of work.

    Args:
        root: the pipeline root.
        component: that does the work.
        key: its cache key: the same work finds the same folders.

    Attributes:
        folder: that holds the others.
        outputs: output key -> folder.
    """

    def __init__(self, root: str, component: Component, key: str) -> None:
        self.component = component
        self.folder = staging_dir(root, component.name, key)
        self.outputs = {name: os.path.join(self.folder, name) for name in component.outputs}
        self._note = os.path.join(self.folder, FINISHED)

    def prepare(self, fresh: bool) -> None:
        """Make the folders; those of an interrupted attempt stay if the component can go on from them.

        Args:
            fresh: they do not.
        """
        if os.path.isdir(self.folder) and self.component.resumable and not fresh:
            print(f"{self.component.name}: continues with what an interrupted run left", flush=True)
            remove_partial(self.folder)  # a killed process could not tidy up, and this must not be published
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        for path in self.outputs.values():
            os.makedirs(path, exist_ok=True)
        self._write(b"")

    def finished(self) -> Mapping[str, Any] | None:
        """Return what the component reported if an earlier attempt has done all work, and it still is as it was."""
        try:
            with open(self._note, "rb") as stream:
                note = json.load(stream)
            whole = all(artifact_digest(path) == note["digests"][key] for key, path in self.outputs.items())
            properties: dict[str, Any] = note["properties"]
        except (OSError, ValueError, KeyError, TypeError):  # there is no such attempt, or it had not finished
            return None
        holds = self.component.still_holds
        return properties if whole and not (holds and holds(self.outputs)) else None

    def finish(self, digests: Mapping[str, str], properties: Mapping[str, Any]) -> None:
        """Note that the work is done.

        Args:
            digests: of each output.
            properties: what the component reported.
        """
        self._write(json.dumps({"digests": dict(digests), "properties": dict(properties)}).encode())

    def _write(self, note: bytes) -> None:
        """Write in place: the blocks are there already."""
        descriptor = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with open(descriptor, "wb") as stream:
            stream.write(note.ljust(ROOM))
            stream.truncate()
            stream.flush()
            os.fsync(descriptor)

    def take_back(self, published: Mapping[str, str]) -> None:
        """Move outputs back that were moved to their places but not recorded there.

        Args:
            published: output key -> where it is now.
        """
        for key, target in published.items():
            if not os.path.isdir(target):
                continue
            with contextlib.suppress(OSError):  # not there, or not empty
                os.rmdir(self.outputs[key])
            with contextlib.suppress(OSError):
                os.makedirs(self.folder, exist_ok=True)
                os.rename(target, self.outputs[key])
            shutil.rmtree(target, ignore_errors=True)  # where it could not be moved

    def remove(self) -> None:
        """Remove everything, after it was published."""
        shutil.rmtree(self.folder, ignore_errors=True)


def targets(root: str, component: Component, execution: int) -> dict[str, str]:
    """Return output key -> the folder in which an execution's output is published."""
    return {key: artifact_dir(root, component.name, key, execution) for key in component.outputs}
