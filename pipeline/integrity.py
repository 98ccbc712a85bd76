"""Whether an artifact still is what an execution made: names, sizes and times first, contents where these differ."""

import os
from collections.abc import Iterator

from artifacts.digests import FileNote, file_digest, joint_digest, note_files
from artifacts.layout import files_below, outline
from pipeline.metadata import Artifact, MetadataStore

SHOWN = 3  # files that a sentence names


def problem(store: MetadataStore, artifact: Artifact, verify: bool = False, renew: bool = False) -> str | None:
    """Say what happened to an artifact since it was made.

    Args:
        store: its lineage.
        artifact: of it.
        verify: read all contents, also of files whose size and time are as they were.
        renew: note the times of files whose time alone has changed, as by a copy, so that they are not read again.

    Returns:
        None if it is whole, else the end of a sentence that begins with its name.
    """
    if not os.path.isdir(artifact.uri):
        return "is gone"
    notes = store.files(artifact)
    if not notes and artifact.files:  # made by an earlier version, which noted the sum alone
        return _problem_of_sum(store, artifact, verify, renew)
    there = dict(files_below(artifact.uri))
    found = list(_differences(artifact, notes, there, verify))
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return f"has changed since: {', '.join(found[:SHOWN])}{more}"
    now = [note._replace(changed=_changed(artifact, note.name)) for note in notes]
    if renew and now != notes:
        store.note_again(artifact, now)
    return None


def _differences(artifact: Artifact, notes: list[FileNote], there: dict[str, int], verify: bool) -> Iterator[str]:
    """Yield what happened to each file that is not what it was."""
    for note in notes:
        if note.name not in there:
            yield f"{note.name} is missing"
        elif there[note.name] != note.size:
            yield f"{note.name} has {there[note.name]} bytes instead of {note.size}"
        elif (verify or _changed(artifact, note.name) != note.changed) and _digest(artifact, note.name) != note.digest:
            yield f"{note.name} has another content"
    for name in sorted(there.keys() - {note.name for note in notes}):
        yield f"{name} was added"


def _problem_of_sum(store: MetadataStore, artifact: Artifact, verify: bool, renew: bool) -> str | None:
    if outline(artifact.uri) != (artifact.files, artifact.bytes):
        return "has changed since: the number or the size of its files"
    if verify:
        notes = note_files(artifact.uri, believe_manifest=False)
        if joint_digest(notes) != artifact.digest:
            return "has changed since: the content of its files"
        if renew:
            store.note_again(artifact, notes)
    return None


def _digest(artifact: Artifact, name: str) -> str:
    return file_digest(os.path.join(artifact.uri, name))


def _changed(artifact: Artifact, name: str) -> int:
    return os.stat(os.path.join(artifact.uri, name)).st_mtime_ns
