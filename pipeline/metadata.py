"""Lineage in SQLite, with ML Metadata's names: Execution, Artifact, Event, Context."""

import contextlib
import glob
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from artifacts.digests import FileNote
from artifacts.errors import InputError
from artifacts.layout import METADATA

Direction = Literal["INPUT", "OUTPUT"]

TABLES = """
CREATE TABLE IF NOT EXISTS Context (id INTEGER PRIMARY KEY, pipeline TEXT, started REAL, config TEXT);
CREATE TABLE IF NOT EXISTS Execution (
    id INTEGER PRIMARY KEY, component TEXT, state TEXT, cache_key TEXT, key_parts TEXT, properties TEXT,
    started REAL, finished REAL);
CREATE TABLE IF NOT EXISTS Artifact (
    id INTEGER PRIMARY KEY, type TEXT, uri TEXT, state TEXT, digest TEXT, files INTEGER, bytes INTEGER, created REAL);
CREATE TABLE IF NOT EXISTS Event (execution INTEGER, artifact INTEGER, direction TEXT, key TEXT);
CREATE TABLE IF NOT EXISTS File (artifact INTEGER, name TEXT, size INTEGER, changed INTEGER, digest TEXT);
CREATE TABLE IF NOT EXISTS Association (context INTEGER, execution INTEGER, cached INTEGER);
CREATE INDEX IF NOT EXISTS ExecutionByKey ON Execution (component, cache_key, state);
CREATE INDEX IF NOT EXISTS EventByArtifact ON Event (artifact, direction);
CREATE INDEX IF NOT EXISTS EventByExecution ON Event (execution, direction);
CREATE INDEX IF NOT EXISTS FileByArtifact ON File (artifact);
"""


@dataclass(frozen=True)
class Artifact:
    """A row of Artifact; `uri` is absolute."""

    id: int
    type: str
    uri: str
    state: str
    digest: str
    files: int
    bytes: int
    created: float


@dataclass(frozen=True)
class Execution:
    """A row of Execution, its JSON columns decoded."""

    id: int
    component: str
    state: str
    cache_key: str
    key_parts: dict[str, Any]
    properties: dict[str, Any]
    started: float
    finished: float | None


class Published(NamedTuple):
    """An output that an execution has finished.

    Its fields are the artifact's type, folder, digest, number of files, bytes, and a note of each of its files.
    """

    type: str
    uri: str
    digest: str
    files: int
    bytes: int
    notes: tuple[FileNote, ...] = ()


class MetadataStore:
    """What was executed in a pipeline root, on which inputs, with which outputs; its paths are relative to the root.

    Args:
        root: the pipeline root.
        create: create the database if it does not exist; otherwise an absent one counts as empty and nothing is
            written.

    Raises:
        InputError: by this and every method: the database is damaged, or cannot be read or written.
    """

    def __init__(self, root: str, create: bool = True) -> None:
        self.root = os.path.abspath(root)
        self.path = os.path.join(root, METADATA)
        with self._naming():
            where = self.path if create or os.path.exists(self.path) else ":memory:"
            self._db = sqlite3.connect(where, isolation_level=None)
            try:
                found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise sqlite3.DatabaseError(found.splitlines()[-1])
                self._db.executescript(TABLES)
            except BaseException:
                self._db.close()
                raise

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """Turn SQLite's errors into those that name the file and the cure."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                raise InputError(
                    f"{self.path}: damaged ({error}). Restore it, or move it away: all steps then run once more, and "
                    "what was made so far stays in its folders"
                ) from error
            raise InputError(
                f"{self.path}: cannot be read or written ({error}). What is finished is kept; make room, or give this "
                "user permission, and run again"
            ) from error

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the body is written, or nothing."""
        with self._naming():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # of a full disk, SQLite has ended it already
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise

    def start_run(self, pipeline: str, config: Mapping[str, Any]) -> int:
        """Record a run of the pipeline; return its id."""
        row = (pipeline, time.time(), json.dumps(config))
        return self._insert("INSERT INTO Context (pipeline, started, config) VALUES (?, ?, ?)", row)

    def start_execution(
        self, component: str, key: str, parts: Mapping[str, Any], inputs: Mapping[str, Artifact]
    ) -> int:
        """Record that a component starts to work on its inputs, by key; return the execution's id."""
        with self.transaction():
            last = max(self._rows("SELECT coalesce(max(id), 0) FROM Execution")[0][0], self._newest_folder(component))
            row = (last + 1, component, "RUNNING", key, json.dumps(parts), "{}", time.time())
            columns = "id, component, state, cache_key, key_parts, properties, started"
            execution = self._insert(f"INSERT INTO Execution ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            for name, artifact in inputs.items():
                self._rows("INSERT INTO Event VALUES (?, ?, 'INPUT', ?)", (execution, artifact.id, name))
        return execution

    def _newest_folder(self, component: str) -> int:
        """The highest number of a folder of a component: a new or older database must not take it again."""
        names = glob.glob(os.path.join(glob.escape(os.path.join(self.root, component)), "*", "*"))
        return max((int(n) for n in map(os.path.basename, names) if n.isascii() and n.isdecimal()), default=0)

    def finish(self, execution: int, outputs: Mapping[str, Published], properties: Mapping[str, Any]) -> None:
        """Make an execution's outputs, by key, live in one transaction."""
        now = time.time()
        with self.transaction():
            for name, (kind, uri, digest, files, size, *more) in outputs.items():
                artifact = self._insert(
                    "INSERT INTO Artifact (type, uri, state, digest, files, bytes, created) "
                    "VALUES (?, ?, 'LIVE', ?, ?, ?, ?)",
                    (kind, os.path.relpath(uri, self.root), digest, files, size, now),
                )
                self._rows("INSERT INTO Event VALUES (?, ?, 'OUTPUT', ?)", (execution, artifact, name))
                self._note_files(artifact, *more)
            self._rows(
                "UPDATE Execution SET state = 'COMPLETE', properties = ?, finished = ? WHERE id = ?",
                (json.dumps(properties), now, execution),
            )

    def fail(self, execution: int, reason: str) -> None:
        """Record that an execution failed."""
        self._rows(
            "UPDATE Execution SET state = 'FAILED', properties = ?, finished = ? WHERE id = ?",
            (json.dumps({"error": reason}), time.time(), execution),
        )

    def associate(self, run: int, execution: int, cached: bool) -> None:
        """Record that a run used an execution, its own or an earlier one."""
        self._rows("INSERT INTO Association VALUES (?, ?, ?)", (run, execution, int(cached)))

    def files(self, artifact: Artifact) -> list[FileNote]:
        """Return the notes of an artifact's files; none of one that an earlier version made."""
        query = "SELECT name, size, changed, digest FROM File WHERE artifact = ? ORDER BY rowid"
        return [FileNote(*row) for row in self._rows(query, (artifact.id,))]

    def note_again(self, artifact: Artifact, notes: Iterable[FileNote]) -> None:
        """Replace the notes of an artifact's files, whose content was found to be what it was."""
        with self.transaction():
            self._rows("DELETE FROM File WHERE artifact = ?", (artifact.id,))
            self._note_files(artifact.id, notes)

    def _note_files(self, artifact: int, notes: Iterable[FileNote] = ()) -> None:
        for note in notes:
            self._rows("INSERT INTO File VALUES (?, ?, ?, ?, ?)", (artifact, *note))

    def running(self) -> list[tuple[int, str]]:
        """Return (id, component) of the executions that never ended, since their run was killed."""
        return [(row[0], row[1]) for row in self._rows("SELECT id, component FROM Execution WHERE state = 'RUNNING'")]

    def last_complete(self, component: str, key: str | None = None) -> Execution | None:
        """Return the newest complete execution of a component, with that cache key if one is given; or None."""
        query = "SELECT * FROM Execution WHERE component = ? AND state = 'COMPLETE'"
        arguments = [component]
        if key is not None:
            query, arguments = query + " AND cache_key = ?", [component, key]
        rows = self._rows(query + " ORDER BY id DESC LIMIT 1", tuple(arguments))
        return self._execution(rows[0]) if rows else None

    def unfinished(self, component: str, key: str) -> Execution | None:
        """Return the newest execution of a component with that cache key, if it failed or was interrupted; or None."""
        query = "SELECT * FROM Execution WHERE component = ? AND cache_key = ? ORDER BY id DESC LIMIT 1"
        rows = self._rows(query, (component, key))
        return self._execution(rows[0]) if rows and rows[0][2] in ("RUNNING", "FAILED") else None

    def last_used(self, component: str) -> Iterator[Execution]:
        """Yield the complete executions of a component that runs used, their own or cached ones, last used first."""
        query = (
            "SELECT Execution.* FROM Execution JOIN Association ON Association.execution = Execution.id "
            "WHERE component = ? AND state = 'COMPLETE' GROUP BY Execution.id ORDER BY max(Association.rowid) DESC"
        )
        return map(self._execution, self._rows(query, (component,)))

    def execution(self, number: int) -> Execution:
        """Return the execution of that id."""
        return self._execution(self._rows("SELECT * FROM Execution WHERE id = ?", (number,))[0])

    def artifacts(self, execution: int, direction: Direction) -> dict[str, Artifact]:
        """Return what an execution took ("INPUT") or made ("OUTPUT"), by key."""
        rows = self._rows(
            "SELECT Event.key, Artifact.* FROM Event JOIN Artifact ON Artifact.id = Event.artifact "
            "WHERE Event.execution = ? AND Event.direction = ? ORDER BY Event.rowid",
            (execution, direction),
        )
        return {row[0]: self._artifact(row[1:]) for row in rows}

    def all_artifacts(self) -> list[Artifact]:
        """Return every artifact, newest first."""
        return [self._artifact(row) for row in self._rows("SELECT * FROM Artifact ORDER BY id DESC")]

    def producer(self, artifact: Artifact) -> Execution:
        """Return the execution that made an artifact."""
        query = "SELECT execution FROM Event WHERE artifact = ? AND direction = 'OUTPUT'"
        return self.execution(self._rows(query, (artifact.id,))[0][0])

    def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._naming():
            return self._db.execute(statement, values).fetchall()

    def _insert(self, statement: str, row: tuple[Any, ...]) -> int:
        with self._naming():
            number = self._db.execute(statement, row).lastrowid
        assert number is not None  # of an INSERT it is there
        return number

    def _artifact(self, row: tuple[Any, ...]) -> Artifact:
        artifact = Artifact(*row)
        return replace(artifact, uri=os.path.join(self.root, artifact.uri))

    def _execution(self, row: tuple[Any, ...]) -> Execution:
        number, component, state, key, parts, properties, started, finished = row
        try:
            decoded = json.loads(parts), json.loads(properties)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{self.path}: damaged (execution {number}: {error}). Restore it, or move it away"
            ) from None
        return Execution(number, component, state, key, *decoded, started, finished)
