"""Where an artifact comes from.

python -m pipeline.lineage runs/sample/Trainer/model/5
python -m pipeline.lineage serving_model/1790000000 --root runs/sample
python -m pipeline.lineage 12 --root runs/sample      # by its number
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

from artifacts.errors import InputError
from artifacts.layout import METADATA, PUSHED
from pipeline.metadata import Artifact, MetadataStore


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
            with open(os.path.join(artifact.uri, PUSHED)) as stream:
                pushed = json.load(stream).get("path")
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
    size = f"{artifact.files} files, {artifact.bytes / 1e6:.1f} MB, content {artifact.digest[:12]}"
    print(f"{indent}  {size}")
    took = finished - execution.started
    print(f"{indent}  made by {execution.component} (execution {execution.id}, {when}, {took:.1f} s)")
    given = {k: v for k, v in execution.key_parts["parameters"].items() if v not in (None, {}, [])}
    if given:
        print(f"{indent}  parameters: {json.dumps(given)}")
    if execution.key_parts["libraries"]:
        print(f"{indent}  with " + ", ".join(f"{k} {v}" for k, v in execution.key_parts["libraries"].items()))
    if execution.properties:
        print(f"{indent}  result: {json.dumps(execution.properties)}")
    for key, source in store.artifacts(execution.id, "INPUT").items():
        print_lineage(store, source, f"{key}: ", depth + 1, seen)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, or 2 for what the user can fix."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.lineage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifact", help="a number, or any path in or below an artifact, or a pushed model's folder")
    parser.add_argument("--root", help="the pipeline root, where it is not above the path")
    known = parser.parse_args(arguments)
    try:
        root = known.root or find_root(known.artifact)
        if not os.path.exists(os.path.join(root, METADATA)):
            raise InputError(f"{root}: is not a pipeline root (it holds no {METADATA})")
        store = MetadataStore(root)
        print_lineage(store, find_artifact(store, known.artifact))
        store.close()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
