"""Where an artifact comes from.

python -m pipeline.lineage runs/sample/Trainer/model/5
python -m pipeline.lineage serving_model/1790000000 --root runs/sample
python -m pipeline.lineage 12 --root runs/sample --json
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypedDict

from artifacts.errors import InputError
from artifacts.layout import METADATA, PUSHED
from artifacts.regular_files import read_json
from artifacts.words import counted, shown
from commands.parser import CommandParser
from commands.terminal import guard_terminal
from pipeline.metadata import Artifact, Execution, MetadataStore


def find_root(path: str) -> str:
    """Return the pipeline root above a path.

    Raises:
        InputError: no folder above holds a lineage.
    """
    folder = os.path.abspath(path)
    while folder != os.path.dirname(folder):
        if os.path.exists(os.path.join(folder, METADATA)):
            return folder
        folder = os.path.dirname(folder)
    raise InputError(f"{path}: is not in a pipeline root (there is no {METADATA} above it). Name the root with --root")


def find_artifact(store: MetadataStore, name: str) -> Artifact:
    """Return the artifact of that number, the one that holds that path, or the one whose model was pushed there.

    Raises:
        InputError: there is none.
    """
    artifacts = store.all_artifacts()
    for artifact in artifacts:
        if name.isdigit() and artifact.id == int(name):
            return artifact
    path = os.path.realpath(name)
    for artifact in artifacts:
        uri = os.path.realpath(artifact.uri)
        if path == uri or path.startswith(uri + os.sep):
            return artifact
    for artifact in artifacts:
        if artifact.type == "PushedModel" and os.path.isdir(artifact.uri):
            pushed = read_json(os.path.join(artifact.uri, PUSHED)).get("path")
            if pushed and (path + os.sep).startswith(os.path.realpath(pushed) + os.sep):
                return artifact
    known = ", ".join(f"{a.id} ({os.path.relpath(a.uri, store.root)})" for a in artifacts[:5])
    raise InputError(f"{name}: not an artifact of {store.root}. The newest are: {known or 'none'}")


def print_lineage(
    store: MetadataStore, artifact: Artifact, role: str = "", depth: int = 0, seen: set[int] | None = None
) -> None:
    """Print an artifact, what made it, and the same for everything that went into it, each with its input key."""
    seen = set() if seen is None else seen
    indent = "  " * depth
    print(f"{indent}{role}{artifact.type} {artifact.id}  {artifact.uri}")
    if artifact.id in seen:
        print(f"{indent}  (see above)")
        return
    seen.add(artifact.id)
    execution = store.producer(artifact)
    finished = execution.finished or execution.started
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(finished))
    size = f"{counted(artifact.files, 'file')}, {artifact.bytes / 1e6:.1f} MB, content {artifact.digest[:12]}"
    print(f"{indent}  {size}")
    took = finished - execution.started
    print(f"{indent}  made by {execution.component} (execution {execution.id}, {when}, {took:.1f} s)")
    parts = execution.key_parts
    given = {k: v for k, v in parts.get("resolved", parts["parameters"]).items() if v not in (None, {}, [])}
    if given:
        print(f"{indent}  parameters: {json.dumps(given)}")
    libraries = {"version": parts["version"]} if "version" in parts else {}
    for name, text in (
        ("with", ", ".join([*libraries.values(), *(f"{k} {v}" for k, v in parts["libraries"].items())])),
        ("code", code_digest(parts)[:12]),
        ("result:", shown(execution.properties)),
    ):
        if text:
            print(f"{indent}  {name} {text}")
    for key, source in store.artifacts(execution.id, "INPUT").items():
        print_lineage(store, source, f"{key}: ", depth + 1, seen)


class Lineage(TypedDict):
    """An artifact and everything that went into it, as JSON.

    Attributes:
        root: the pipeline root.
        artifact: the number of the artifact that was asked for.
        artifacts: all of them: `id`, `type`, `uri`, `state`, `digest` of the content, `files`, `bytes`, `created`
            (seconds since 1970) and `execution`, the number of what made it.
        executions: what made them: `id`, `component`, `started`, `finished`, `inputs` and `outputs` (key -> number of
            an artifact), `parameters` as given and `resolved` with all that a recipe fills in, `version` of the
            package, `code` (`digest` over all modules that it reaches, and of each), `libraries`, `sources` (a digest
            over names, sizes and times of the files outside that it reads, such as a data set's) and `result`.
    """

    root: str
    artifact: int
    artifacts: list[dict[str, Any]]
    executions: list[dict[str, Any]]


def as_json(store: MetadataStore, artifact: Artifact) -> Lineage:
    """Return an artifact's lineage for JSON."""
    artifacts: dict[int, dict[str, Any]] = {}
    executions: dict[int, dict[str, Any]] = {}
    todo = [artifact]
    while todo:
        one = todo.pop()
        if one.id in artifacts:
            continue
        execution = store.producer(one)
        artifacts[one.id] = asdict(one) | {"execution": execution.id}
        inputs = store.artifacts(execution.id, "INPUT")
        executions[execution.id] = _as_json(execution) | {
            "inputs": {key: source.id for key, source in inputs.items()},
            "outputs": {key: made.id for key, made in store.artifacts(execution.id, "OUTPUT").items()},
        }
        todo += inputs.values()
    return {
        "root": store.root,
        "artifact": artifact.id,
        "artifacts": [artifacts[number] for number in sorted(artifacts)],
        "executions": [executions[number] for number in sorted(executions)],
    }


def _as_json(execution: Execution) -> dict[str, Any]:
    parts = execution.key_parts
    return {
        "id": execution.id,
        "component": execution.component,
        "started": execution.started,
        "finished": execution.finished,
        "parameters": parts["parameters"],
        "resolved": parts.get("resolved"),
        "version": parts.get("version"),
        "code": {"digest": code_digest(parts), "modules": parts.get("code", {})},
        "libraries": parts["libraries"],
        "sources": parts.get("sources", ""),
        "result": execution.properties,
    }


def code_digest(parts: Mapping[str, Any]) -> str:
    """Return one digest over the code that an execution reached, or "" where it is not known."""
    code = parts.get("code")
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest() if code else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, or 2 for what the user can fix."""
    guard_terminal()
    parser = CommandParser(prog="python -m pipeline.lineage", description=__doc__)
    parser.add_argument("artifact", help="a number, or any path in or below an artifact, or a pushed model's folder")
    parser.add_argument("--json", action="store_true", help="print it as JSON: all artifacts and executions, with "
                        "resolved parameters, versions and digests of code and data")  # fmt: skip
    parser.add_argument("--root", help="the pipeline root, where it is not above the path")
    known = parser.parse_args(arguments)
    try:
        root = known.root or find_root(known.artifact)
        if not os.path.exists(os.path.join(root, METADATA)):
            raise InputError(f"{root}: is not a pipeline root (it holds no {METADATA})")
        store = MetadataStore(root)
        artifact = find_artifact(store, known.artifact)
        if known.json:
            print(json.dumps(as_json(store, artifact), indent=2))
        else:
            print_lineage(store, artifact)
        store.close()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
