import contextlib
import os
import sqlite3

import pytest

from artifacts.errors import InputError
from artifacts.layout import METADATA
from pipeline.metadata import MetadataStore


def _complete(store, component, key, inputs=None, uri="x/out/1", **properties):
    execution = store.start_execution(component, key, {"parameters": {"p": key}}, inputs or {})
    store.finish(execution, {"out": ("Text", os.path.join(store.root, uri), "digest", 2, 30)}, properties)
    return execution


def test_a_transaction_is_all_or_nothing(store):
    with pytest.raises(RuntimeError), store.transaction():
        store._db.execute("INSERT INTO Context (pipeline) VALUES ('lost')")
        raise RuntimeError
    assert store._db.execute("SELECT count(*) FROM Context").fetchone() == (0,)
    with store.transaction():
        store._db.execute("INSERT INTO Context (pipeline) VALUES ('kept')")
    assert store._db.execute("SELECT pipeline FROM Context").fetchall() == [("kept",)]


DAMAGES = {
    "no database": lambda path: path.write_bytes(b"not a database" * 500),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "overwritten": lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\x55" * (path.stat().st_size - 4096)),
    "another program's": lambda path: (path.unlink(), _foreign(path)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


def _foreign(path):
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE Execution (name TEXT)")
        other.commit()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_named_with_its_cure_and_can_be_moved_away(damage, root):
    store = MetadataStore(str(root))
    _complete(store, "A", "k", uri="A/out/1")
    store.close()
    (root / "A" / "out" / "1").mkdir(parents=True)
    DAMAGES[damage](root / METADATA)
    with pytest.raises(
        InputError, match=r"metadata\.sqlite: (damaged|cannot be read or written) .*(move it away|again)"
    ):
        _complete(MetadataStore(str(root)), "A", "k")
    (root / METADATA).rename(root / "old")
    store = MetadataStore(str(root))
    assert _complete(store, "A", "k", uri="A/out/2") == 2, "the folder of 1 is there already"
    assert _complete(store, "B", "k", uri="B/out/3") == 3
    store.close()


def test_a_damaged_row_is_named(store):
    _complete(store, "A", "k")
    store._db.execute("UPDATE Execution SET key_parts = '{'")
    with pytest.raises(InputError, match=r"metadata\.sqlite: damaged \(execution 1: "):
        store.last_complete("A")


def test_outputs_that_cannot_be_recorded_leave_nothing(store):
    execution = store.start_execution("A", "k", {}, {})
    good = ("Text", store.root, "d", 1, 1)
    with pytest.raises(ValueError):
        store.finish(execution, {"good": good, "bad": ("Text", "cut")}, {})
    assert store.all_artifacts() == [] and store.execution(execution).state == "RUNNING"
    with pytest.raises(TypeError):
        store.finish(execution, {"good": good}, {"not JSON": object()})
    assert store.all_artifacts() == [] and store.last_complete("A") is None


def test_last_complete(store):
    assert store.last_complete("A") is None
    first, second = _complete(store, "A", "k"), _complete(store, "A", "k")
    other = _complete(store, "A", "other", figure=0.5)
    store.fail(store.start_execution("A", "k", {}, {}), "broken")
    store.start_execution("A", "k", {}, {})
    _complete(store, "B", "k")
    assert store.last_complete("A", "k").id == second != first
    newest = store.last_complete("A")
    assert newest.id == other and newest.state == "COMPLETE" and newest.properties == {"figure": 0.5}
    assert newest.key_parts == {"parameters": {"p": "other"}} and newest.started <= newest.finished
    assert store.last_complete("A", "no such key") is None and store.last_complete("C") is None


def test_last_used(store):
    assert list(store.last_used("A")) == []
    first, second, unused = (_complete(store, "A", key) for key in "xyz")
    broken = store.start_execution("A", "k", {}, {})
    store.fail(broken, "broken")
    other = _complete(store, "B", "k")
    run = store.start_run("name", {})
    for number in (first, second, broken, other):
        store.associate(run, number, cached=False)
    assert [each.id for each in store.last_used("A")] == [second, first] and unused not in (first, second)
    store.associate(store.start_run("name", {}), first, cached=True)
    assert [each.cache_key for each in store.last_used("A")] == ["x", "y"]


def test_running_and_failed(store):
    _complete(store, "A", "k")
    number = store.start_execution("B", "k", {}, {})
    assert store.running() == [(number, "B")] and store.execution(number).finished is None
    store.fail(number, "the reason")
    assert store.running() == []
    failed = store.execution(number)
    assert failed.state == "FAILED" and failed.properties == {"error": "the reason"} and failed.finished


def test_lineage(store):
    first = _complete(store, "A", "k")
    source = store.artifacts(first, "OUTPUT")["out"]
    second = _complete(store, "B", "k", {"text": source}, uri="y/out/2")
    made = store.artifacts(second, "OUTPUT")["out"]
    assert store.artifacts(second, "INPUT") == {"text": source} and store.artifacts(first, "INPUT") == {}
    assert store.producer(made).id == second and store.producer(source).id == first
    assert store.all_artifacts() == [made, source], "the newest first"
    assert (made.type, made.state, made.digest, made.files, made.bytes) == ("Text", "LIVE", "digest", 2, 30)


def test_a_root_can_be_moved(store, root, tmp_path):
    _complete(store, "A", "k", uri="A/out/1")
    store.close()
    root.rename(tmp_path / "moved")
    moved = MetadataStore(str(tmp_path / "moved"))
    assert moved.all_artifacts()[0].uri == str(tmp_path / "moved" / "A" / "out" / "1")
    moved.close()


def test_without_create_nothing_is_written(root):
    looked = MetadataStore(str(root), create=False)
    assert looked.last_complete("A") is None
    looked.close()
    assert list(root.iterdir()) == []
    written = MetadataStore(str(root))
    number = _complete(written, "A", "k")
    written.close()
    assert [path.name for path in root.iterdir()] == [METADATA]
    looked = MetadataStore(str(root), create=False)
    assert looked.last_complete("A").id == number
    looked.close()


def test_runs_remember_what_they_used(store):
    run = store.start_run("name", {"a": 1})
    execution = _complete(store, "A", "k")
    store.associate(run, execution, cached=False)
    store.associate(store.start_run("name", {}), execution, cached=True)
    rows = store._db.execute("SELECT context, execution, cached FROM Association").fetchall()
    assert rows == [(run, execution, 0), (run + 1, execution, 1)]
