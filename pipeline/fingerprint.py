"""What decides an execution's result: parameters, contents of the inputs, code and libraries. Never the engine."""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from commands.parameters import Parameters
from commands.parser import version as package_version
from components.base import Component

TOLD = ("resolved", "version")  # parts of a key that decide nothing
OURS = ("artifacts", "commands", "components", "evaluation", "faces", "model", "pipeline", "serving")


@functools.cache
def code_of(module: str) -> dict[str, str]:
    """Digest every file of this project that a module imports, directly or indirectly, also within functions.

    Returns:
        {module name: digest of its source}, including the module itself and the data files of its package.
    """
    found: dict[str, str] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        path = _source(name)
        if path is None:
            continue
        with open(path, "rb") as stream:
            source = stream.read()
        found[name] = hashlib.sha256(source).hexdigest()
        todo += [*_imports(source, name), *filter(None, [name.rpartition(".")[0]])]
        if name.count(".") > 1:
            found |= _data_files(name, os.path.dirname(path))
    return found


def _source(name: str) -> str | None:
    """The file of a module, found without importing it: a look in the cache must not cost TensorFlow's import."""
    top, *below = name.split(".")
    spec = importlib.util.find_spec(top)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = os.path.join(folder, *below)
        for candidate in (f"{path}.py", os.path.join(path, "__init__.py")):
            if os.path.isfile(candidate):
                return candidate
    return None


def _imports(source: bytes, name: str) -> Iterator[str]:
    """Names of this project's modules that a source imports, wherever in the file."""
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (n for n in names if n.split(".")[0] in OURS)


def _data_files(name: str, folder: str) -> dict[str, str]:
    """Digests of the templates and schemas that lie beside a module."""
    files = {}
    for entry in sorted(os.listdir(folder)):
        if entry.endswith((".json", ".j2")):
            with open(os.path.join(folder, entry), "rb") as stream:
                files[f"{name.rsplit('.', 1)[0]}/{entry}"] = hashlib.sha256(stream.read()).hexdigest()
    return files


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Return {distribution: version} of those that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def key_parts(component: Component, parameters: Parameters, input_digests: Mapping[str, str]) -> dict[str, Any]:
    """Return everything that the result depends on, for JSON; a difference in it explains a cache miss.

    What is in `TOLD` follows from the rest, and is there for readers of the lineage.
    """
    return {
        "parameters": parameters.model_dump(mode="json"),
        "inputs": input_digests,
        "code": code_of(component.module),
        "libraries": library_versions(component.libraries),
        "sources": component.sources(parameters) if component.sources else "",
        "resolved": parameters.resolved().model_dump(mode="json"),
        "version": package_version(),
    }


def cache_key(component: Component, parts: Mapping[str, Any]) -> str:
    """Return the digest of a component's `key_parts`."""
    decisive = {name: part for name, part in parts.items() if name not in TOLD}
    text = json.dumps([component.name, decisive], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in words in what two `key_parts` differ."""
    changes = []
    for part, label in (
        ("parameters", "parameter"),
        ("inputs", "input"),
        ("code", "code of"),
        ("libraries", "version of"),
    ):
        names = sorted(n for n in before[part].keys() | now[part].keys() if before[part].get(n) != now[part].get(n))
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            changes.append(f"{label} {shown} changed")
    if before["sources"] != now["sources"]:
        changes.append("files of the data sets changed")
    return "; ".join(changes) or "nothing changed"
