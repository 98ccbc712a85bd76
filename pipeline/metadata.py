"""Lineage in SQLite, with ML Metadata's names: Execution, Artifact, Event, Context."""

import contextlib
import json
import os
import sqlite3
import time
from dataclasses import dataclass

from artifacts.layout import METADATA

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
    key_parts: dict
    properties: dict
    started: float
    finished: float | None


class MetadataStore:
    """What was executed in a pipeline root, with what, and what came of it. Artifact paths are stored relative to it.

    Args:
        root: the pipeline root.
        create: make the database where there is none; else it is as if empty, and nothing is written.
    """

    def __init__(self, root, create=True):
        self.root = os.path.abspath(root)
        path = os.path.join(root, METADATA)
        self._db = sqlite3.connect(path if create or os.path.exists(path) else ":memory:", isolation_level=None)
        self._db.executescript(TABLES)

    def close(self):
        """Close the database."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self):
        """All or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def start_run(self, pipeline, config):
        """Record a run of the pipeline; return its id."""
        row = (pipeline, time.time(), json.dumps(config))
        return self._db.execute("INSERT INTO Context (pipeline, started, config) VALUES (?, ?, ?)", row).lastrowid

    def start_execution(self, component, key, parts, inputs):
        """Record that a component starts on some input artifacts {key: Artifact}; return the execution's id."""
        with self.transaction():
            row = (component, "RUNNING", key, json.dumps(parts), "{}", time.time())
            columns = "component, state, cache_key, key_parts, properties, started"
            execution = self._db.execute(f"INSERT INTO Execution ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row).lastrowid
            for name, artifact in inputs.items():
                self._db.execute("INSERT INTO Event VALUES (?, ?, 'INPUT', ?)", (execution, artifact.id, name))
        return execution

    def finish(self, execution, outputs, properties):
        """Make an execution's outputs live: {key: (type, uri, digest, files, bytes)}, in one transaction."""
        now = time.time()
        with self.transaction():
            for name, (kind, uri, digest, files, size) in outputs.items():
                artifact = self._db.execute(
                    "INSERT INTO Artifact (type, uri, state, digest, files, bytes, created) VALUES (?, ?, 'LIVE', ?, ?, ?, ?)",
                    (kind, os.path.relpath(uri, self.root), digest, files, size, now),
                ).lastrowid
                self._db.execute("INSERT INTO Event VALUES (?, ?, 'OUTPUT', ?)", (execution, artifact, name))
            self._db.execute(
                "UPDATE Execution SET state = 'COMPLETE', properties = ?, finished = ? WHERE id = ?",
                (json.dumps(properties), now, execution),
            )

    def fail(self, execution, reason):
        """Record that an execution gave nothing."""
        self._db.execute(
            "UPDATE Execution SET state = 'FAILED', properties = ?, finished = ? WHERE id = ?",
            (json.dumps({"error": reason}), time.time(), execution),
        )

    def associate(self, run, execution, cached):
        """Record that a run used an execution, its own or an earlier one."""
        self._db.execute("INSERT INTO Association VALUES (?, ?, ?)", (run, execution, int(cached)))

    def running(self):
        """Ids of executions that were never finished: a killed run's."""
        return [
            (row[0], row[1]) for row in self._db.execute("SELECT id, component FROM Execution WHERE state = 'RUNNING'")
        ]

    def last_complete(self, component, key=None):
        """The newest complete execution of a component, with that cache key if one is given; or None."""
        query = "SELECT * FROM Execution WHERE component = ? AND state = 'COMPLETE'"
        arguments = [component]
        if key is not None:
            query, arguments = query + " AND cache_key = ?", [component, key]
        row = self._db.execute(query + " ORDER BY id DESC LIMIT 1", arguments).fetchone()
        return self._execution(row) if row else None

    def last_used(self, component):
        """Yield the complete executions of a component that runs used, their own or earlier ones; the last used first."""
        query = (
            "SELECT Execution.* FROM Execution JOIN Association ON Association.execution = Execution.id "
            "WHERE component = ? AND state = 'COMPLETE' GROUP BY Execution.id ORDER BY max(Association.rowid) DESC"
        )
        return map(self._execution, self._db.execute(query, (component,)).fetchall())

    def execution(self, number):
        """The execution of that id."""
        return self._execution(self._db.execute("SELECT * FROM Execution WHERE id = ?", (number,)).fetchone())

    def artifacts(self, execution, direction):
        """{key: Artifact} that an execution took ("INPUT") or gave ("OUTPUT")."""
        rows = self._db.execute(
            "SELECT Event.key, Artifact.* FROM Event JOIN Artifact ON Artifact.id = Event.artifact "
            "WHERE Event.execution = ? AND Event.direction = ? ORDER BY Event.rowid",
            (execution, direction),
        )
        return {row[0]: self._artifact(row[1:]) for row in rows}

    def all_artifacts(self):
        """Every artifact, newest first."""
        return [self._artifact(row) for row in self._db.execute("SELECT * FROM Artifact ORDER BY id DESC")]

    def producer(self, artifact):
        """The execution that gave an artifact."""
        row = self._db.execute(
            "SELECT execution FROM Event WHERE artifact = ? AND direction = 'OUTPUT'", (artifact.id,)
        ).fetchone()
        return self.execution(row[0])

    def _artifact(self, row):
        artifact = Artifact(*row)
        return Artifact(**{**artifact.__dict__, "uri": os.path.join(self.root, artifact.uri)})

    def _execution(self, row):
        number, component, state, key, parts, properties, started, finished = row
        return Execution(number, component, state, key, json.loads(parts), json.loads(properties), started, finished)
