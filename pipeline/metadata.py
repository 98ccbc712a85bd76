"""Lineage in SQLite, with ML Metadata's names: Execution, Artifact, Event, Context."""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

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
CREATE TABLE IF NOT EXISTS Association (context INTEGER, execution INTEGER, cached INTEGER);
CREATE INDEX IF NOT EXISTS ExecutionByKey ON Execution (component, cache_key, state);
CREATE INDEX IF NOT EXISTS EventByArtifact ON Event (artifact, direction);
CREATE INDEX IF NOT EXISTS EventByExecution ON Event (execution, direction);
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
    """An output that an execution has finished: the artifact's type, folder, digest, number of files, and bytes."""

    type: str
    uri: str
    digest: str
    files: int
    bytes: int


class MetadataStore:
    """What was executed in a pipeline root, on which inputs, with which outputs; its paths are relative to the root.

    Args:
        root: the pipeline root.
        create: create the database if it does not exist; otherwise an absent one counts as empty and nothing is
            written.
    """

    def __init__(self, root: str, create: bool = True) -> None:
        self.root = os.path.abspath(root)
        path = os.path.join(root, METADATA)
        self._db = sqlite3.connect(path if create or os.path.exists(path) else ":memory:", isolation_level=None)
        self._db.executescript(TABLES)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the body is written, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def start_run(self, pipeline: str, config: Mapping[str, Any]) -> int:
        """Record a run of the pipeline; return its id."""
        row = (pipeline, time.time(), json.dumps(config))
        return self._insert("INSERT INTO Context (pipeline, started, config) VALUES (?, ?, ?)", row)

    def start_execution(
        self, component: str, key: str, parts: Mapping[str, Any], inputs: Mapping[str, Artifact]
    ) -> int:
        """Record that a component starts to work on its inputs, by key; return the execution's id."""
        with self.transaction():
            row = (component, "RUNNING", key, json.dumps(parts), "{}", time.time())
            columns = "component, state, cache_key, key_parts, properties, started"
            execution = self._insert(f"INSERT INTO Execution ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
            for name, artifact in inputs.items():
                self._db.execute("INSERT INTO Event VALUES (?, ?, 'INPUT', ?)", (execution, artifact.id, name))
        return execution

    def finish(self, execution: int, outputs: Mapping[str, Published], properties: Mapping[str, Any]) -> None:
        """Make an execution's outputs, by key, live in one transaction."""
        now = time.time()
        with self.transaction():
            for name, (kind, uri, digest, files, size) in outputs.items():
                artifact = self._insert(
                    "INSERT INTO Artifact (type, uri, state, digest, files, bytes, created) "
                    "VALUES (?, ?, 'LIVE', ?, ?, ?, ?)",
                    (kind, os.path.relpath(uri, self.root), digest, files, size, now),
                )
                self._db.execute("INSERT INTO Event VALUES (?, ?, 'OUTPUT', ?)", (execution, artifact, name))
            self._db.execute(
                "UPDATE Execution SET state = 'COMPLETE', properties = ?, finished = ? WHERE id = ?",
                (json.dumps(properties), now, execution),
            )

    def fail(self, execution: int, reason: str) -> None:
        """Record that an execution failed."""
        self._db.execute(
            "UPDATE Execution SET state = 'FAILED', properties = ?, finished = ? WHERE id = ?",
            (json.dumps({"error": reason}), time.time(), execution),
        )

    def associate(self, run: int, execution: int, cached: bool) -> None:
        """Record that a run used an execution, its own or an earlier one."""
        self._db.execute("INSERT INTO Association VALUES (?, ?, ?)", (run, execution, int(cached)))

    def running(self) -> list[tuple[int, str]]:
        """Return (id, component) of the executions that never ended, since their run was killed."""
        return list(self._db.execute("SELECT id, component FROM Execution WHERE state = 'RUNNING'"))

    def last_complete(self, component: str, key: str | None = None) -> Execution | None:
        """Return the newest complete execution of a component, with that cache key if one is given; or None."""
        query = "SELECT * FROM Execution WHERE component = ? AND state = 'COMPLETE'"
        arguments = [component]
        if key is not None:
            query, arguments = query + " AND cache_key = ?", [component, key]
        row = self._db.execute(query + " ORDER BY id DESC LIMIT 1", arguments).fetchone()
        return self._execution(row) if row else None

    def last_used(self, component: str) -> Iterator[Execution]:
        """Yield the complete executions of a component that runs used, their own or cached ones, last used first."""
        query = (
            "SELECT Execution.* FROM Execution JOIN Association ON Association.execution = Execution.id "
            "WHERE component = ? AND state = 'COMPLETE' GROUP BY Execution.id ORDER BY max(Association.rowid) DESC"
        )
        return map(self._execution, self._db.execute(query, (component,)).fetchall())

    def execution(self, number: int) -> Execution:
        """Return the execution of that id."""
        return self._execution(self._db.execute("SELECT * FROM Execution WHERE id = ?", (number,)).fetchone())

    def artifacts(self, execution: int, direction: Direction) -> dict[str, Artifact]:
        """Return what an execution took ("INPUT") or made ("OUTPUT"), by key."""
        rows = self._db.execute(
            "SELECT Event.key, Artifact.* FROM Event JOIN Artifact ON Artifact.id = Event.artifact "
            "WHERE Event.execution = ? AND Event.direction = ? ORDER BY Event.rowid",
            (execution, direction),
        )
        return {row[0]: self._artifact(row[1:]) for row in rows}

    def all_artifacts(self) -> list[Artifact]:
        """Return every artifact, newest first."""
        return [self._artifact(row) for row in self._db.execute("SELECT * FROM Artifact ORDER BY id DESC")]

    def producer(self, artifact: Artifact) -> Execution:
        """Return the execution that made an artifact."""
        row = self._db.execute(
            "SELECT execution FROM Event WHERE artifact = ? AND direction = 'OUTPUT'", (artifact.id,)
        ).fetchone()
        return self.execution(row[0])

    def _insert(self, statement: str, row: tuple[Any, ...]) -> int:
        number = self._db.execute(statement, row).lastrowid
        assert number is not None  # of an INSERT it is there
        return number

    def _artifact(self, row: tuple[Any, ...]) -> Artifact:
        artifact = Artifact(*row)
        return replace(artifact, uri=os.path.join(self.root, artifact.uri))

    @staticmethod
    def _execution(row: tuple[Any, ...]) -> Execution:
        number, component, state, key, parts, properties, started, finished = row
        return Execution(number, component, state, key, json.loads(parts), json.loads(properties), started, finished)
