"""Every score of an evaluation as one Parquet file: a row for each face, with how the figures follow in its metadata.

Any reader of Parquet opens it. Its columns:

    model: "this", "baseline" (the last blessed model) or "other: <name>".
    split: "val", on which thresholds were fixed, or "test".
    change, severity: of the robustness sweep; "" and 0 for the faces as they are.
    video_id, dataset, method, label, frame_index, track, logit, center_similarity, fake_probability: as in
        `artifacts.predictions`.
    outcome: "with_face"; "no_face" or "undecoded" for a listed video without a face, whose row has no scores.
"""

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from pydantic import ValidationError

from artifacts import predictions
from artifacts.errors import InputError
from artifacts.predictions import COLUMNS, ROW_GROUP, TEXTS, Columns
from artifacts.regular_files import require_regular
from artifacts.writing import whole
from commands.problems import phrase
from evaluation.metrics import ListedVideo
from evaluation.scores import THIS, UNCHANGED, HowScored, Part, Scores, Split
from evaluation.video_scores import videos_of
from evaluation.vocabulary import CHANGES, OUTCOMES

METADATA = b"scores"  # key of the file's metadata: a `HowScored` as JSON
_TEXT = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
_PART = {"model": _TEXT, "split": _TEXT, "change": _TEXT, "severity": pyarrow.int8()}
_FACE = {name: predictions.SCHEMA.field(name).type for name in COLUMNS}
SCHEMA = pyarrow.schema({**_PART, **_FACE, "outcome": _TEXT})
_SPLITS = get_args(Split)
_CURE = "Name the scores.parquet that the Evaluator wrote beside metrics.json, or copy it again"


def write_scores(path: str, scores: Scores) -> None:
    """Write all scores, whole or not at all. Equal scores give equal bytes.

    Raises:
        InputError: the file cannot be written.
    """
    schema = SCHEMA.with_metadata({METADATA: scores.how.model_dump_json()})
    with (
        whole(path) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, schema, compression="zstd") as stream,
    ):
        for part, columns in scores.parts.items():
            for start in range(0, len(columns["label"]), ROW_GROUP):
                stream.write_table(_table(part, {k: v[start : start + ROW_GROUP] for k, v in columns.items()}, schema))
        faceless = [video for video in scores.listed or () if video["outcome"] != "with_face"]
        if faceless:
            stream.write_table(_faceless(faceless, schema))


def _table(part: Part, columns: Columns, schema: pyarrow.Schema) -> pyarrow.Table:
    count = len(columns["label"])
    arrays = {name: _repeated(value, count, schema.field(name).type) for name, value in part._asdict().items()}
    arrays |= {name: pyarrow.array(columns[name]).cast(schema.field(name).type) for name in COLUMNS}
    arrays["outcome"] = _repeated("with_face", count, _TEXT)
    return pyarrow.table([arrays[name] for name in schema.names], schema=schema)


def _repeated(value: Any, count: int, kind: pyarrow.DataType) -> pyarrow.Array:
    if kind != _TEXT:
        return pyarrow.array(np.full(count, value)).cast(kind)
    return pyarrow.DictionaryArray.from_arrays(np.zeros(count, np.int32), pyarrow.array([value], pyarrow.string()))


def _faceless(videos: list[ListedVideo], schema: pyarrow.Schema) -> pyarrow.Table:
    """Return rows of videos without a face; the scores are null."""
    part = Part(THIS, "test")._asdict()
    rows = [{**part, **video} for video in videos]
    arrays = [
        pyarrow.array([row.get(name) for row in rows], field.type if field.type != _TEXT else pyarrow.string())
        for name, field in zip(schema.names, schema, strict=True)
    ]
    return pyarrow.table([array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema)


# --- reading ----------------------------------------------------------------------------------------------------------
def read_scores(path: str) -> Scores:
    """Read what `write_scores` wrote.

    Raises:
        InputError: it cannot be read, is no such file, or holds what it cannot; names the file and the field.
    """
    table, how = _open(path)
    _check(path, table, how)
    codes = {name: table.column(name).combine_chunks() for name in ("model", "split", "change", "outcome")}
    severity = table.column("severity").to_numpy()
    scored = _code(codes["outcome"], "with_face")
    parts: dict[Part, Columns] = {}
    for model in how.models:
        for split in _SPLITS:
            for change in ("", *UNCHANGED.values(), *CHANGES):
                rows = scored & _code(codes["model"], model) & _code(codes["split"], split)
                rows &= _code(codes["change"], change)
                for level in np.unique(severity[rows]):
                    of_part = table.filter(pyarrow.array(rows & (severity == level)))
                    parts[Part(model, split, change, int(level))] = _columns(of_part)
    if Part(THIS, "test") not in parts:
        raise InputError(f"{path}: holds no row of model {THIS!r} and split 'test'. {_CURE}")
    for model in how.models:
        if Part(model, "test") not in parts:
            raise InputError(f"{path}: models names {model!r}, of which it holds no row of split 'test'. {_CURE}")
    return Scores(how, parts, _listed(path, table, ~scored, parts) if how.listed else None)


def _open(path: str) -> tuple[pyarrow.Table, HowScored]:
    try:
        require_regular(path)
        stream = pyarrow.parquet.ParquetFile(path)
        metadata = stream.schema_arrow.metadata or {}
        missing = [name for name in SCHEMA.names if name not in stream.schema_arrow.names]
        if METADATA not in metadata or missing:
            what = f"no column {missing[0]!r}" if missing else f"no metadata {METADATA.decode()!r}"
            raise InputError(f"{path}: is no file of scores: it has {what}. {_CURE}")
        table = stream.read(list(SCHEMA.names))
    except (OSError, pyarrow.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as Parquet ({reason}). {_CURE}") from error
    columns = []
    for field in SCHEMA:
        try:
            columns.append(table.column(field.name).cast(field.type))
        except pyarrow.ArrowException as error:
            found = table.column(field.name).type
            raise InputError(f"{path}: column {field.name} holds {found}, not {field.type}. {_CURE}") from error
    try:
        how = HowScored.model_validate_json(metadata[METADATA])
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, (METADATA.decode(), *problem["loc"])))
        raise InputError(f"{path}: metadata {field}: {phrase(problem)}. {_CURE}") from error
    return pyarrow.table(columns, schema=SCHEMA).unify_dictionaries(), how


def _code(texts: pyarrow.DictionaryArray, text: str) -> np.ndarray:
    """Tell which rows hold a text; bool [n]."""
    names = texts.dictionary.to_pylist()
    return np.isin(texts.indices.to_numpy(), [code for code, name in enumerate(names) if name == text])


def _check(path: str, table: pyarrow.Table, how: HowScored) -> None:
    """Check that every value is one that its column may hold."""
    known = {
        "model": tuple(how.models),
        "split": _SPLITS,
        "change": ("", *UNCHANGED.values(), *CHANGES),
        "outcome": OUTCOMES,
        "label": (0, 1),
    }
    for row, name, value in _nulls(table):
        raise InputError(f"{path}: row {row}: {name} is {value}, though the face was scored. {_CURE}")
    for name, allowed in known.items():
        for value in pyarrow.compute.unique(table.column(name)).to_pylist():
            if value not in allowed:
                shown = ", ".join(repr(one) for one in allowed)
                raise InputError(f"{path}: column {name} holds {value!r}; it can hold {shown}. {_CURE}")
    for change, severity in _steps(table):
        most = len(CHANGES[change].strengths) if change in CHANGES else 0
        if not min(most, 1) <= severity <= most:
            raise InputError(f"{path}: column severity holds {severity} for {change!r}; 1 to {most} exist. {_CURE}")


def _nulls(table: pyarrow.Table) -> Iterator[tuple[int, str, str]]:
    scored = pyarrow.compute.equal(table.column("outcome").cast(pyarrow.string()), "with_face")
    for name in SCHEMA.names:
        null = table.column(name).is_null()
        if name in ("frame_index", "track", "logit", "center_similarity", "fake_probability"):
            null = pyarrow.compute.and_kleene(null, scored)
        row = pyarrow.compute.index(null, True).as_py()
        if row >= 0:
            yield row, name, "missing"


def _steps(table: pyarrow.Table) -> list[tuple[str, int]]:
    found = table.select(["change", "severity"]).group_by(["change", "severity"]).aggregate([])
    return [(row["change"], row["severity"]) for row in found.to_pylist()]


def _columns(table: pyarrow.Table) -> Columns:
    """Return rows as `artifacts.predictions.read_predictions` does."""
    arrays = {name: table.column(name).combine_chunks() for name in COLUMNS}
    return {name: array if name in TEXTS else array.to_numpy(zero_copy_only=False) for name, array in arrays.items()}


def _listed(path: str, table: pyarrow.Table, rows: np.ndarray, parts: dict[Part, Columns]) -> list[ListedVideo]:
    """Return every listed video: those that have a face and those that have none."""
    try:
        videos = videos_of(parts[Part(THIS, "test")])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    keys = ("video_id", "dataset", "method", "label")
    found = [
        dict(zip(keys, values, strict=True)) | {"outcome": "with_face"}
        for values in zip(*(videos[key].tolist() for key in keys), strict=True)
    ]
    found += table.filter(pyarrow.array(rows)).select([*keys, "outcome"]).to_pylist()
    return [ListedVideo(**row) for row in found]  # type: ignore[typeddict-item]
