"""pydantic's errors in plain words: where, what was given, and what would be right."""

import difflib
import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Json = dict[str, Any]  # a JSON object

# pydantic's phrases that would not tell a user what to write.
PHRASES = {
    "missing": "is missing",
    "model_type": "must be an object {{...}}",
    "dict_type": "must be an object {{...}}",
    "list_type": "must be a list [...]",
    "tuple_type": "must be a list [...]",
    "string_type": 'must be text, in quotes: "..."',
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "too_short": "must have at least {min_length} entries",
    "string_too_short": "must not be empty",
    "multiple_of": "must be a multiple of {multiple_of}",
    "extra_forbidden": "is not a field",
    "finite_number": "must be a finite number",
    "too_long": "must have at most {max_length} entries",
    "json_invalid": "is not JSON ({error})",
    "path_type": "must be a path",
    "literal_error": "must be {expected}",
    "union_tag_not_found": 'has no "type"; it can be {expected}',
    "union_tag_invalid": '"type" must be one of {expected_tags}',
}
# What the patterns of names stand for.
PATTERNS = {
    r"^[\w.-]+$": "letters, digits, '.', '_' and '-'",
    r"^[\w.+-]+$": "letters, digits, '.', '_', '+' and '-'",
}


def of_flags(
    error: ValidationError, names: Container[str] = (), raw: Json | None = None, schema: Json | None = None
) -> Iterator[str]:
    """Yield a sentence for each problem of a command line, as `--frames: must be a whole number. Given: "x"`.

    Args:
        error: of validating the flags' values.
        names: of the flags: a sentence about several of them begins with one, and gets its dashes.
        raw: the flags' values; with them, places in JSON are named as they stand there.
        schema: the JSON Schema of all flags; it tells which types there are.
    """
    for problem in _told(error):
        flag = ".".join(str(part) for part in (problem["loc"] if raw is None else _path(problem, raw)[0]))
        sentence = phrase(problem, schema)
        if flag:
            sentence = f"--{flag}: {sentence}"
        elif sentence.split(" ")[0] in names:
            sentence = f"--{sentence}"
        yield (
            sentence
            if problem["type"] in ("missing", "value_error")
            else f"{sentence}. Given: {_short(problem['input'])}{_near(problem)}"
        )


def _told(error: ValidationError) -> list[ErrorDetails]:
    """The problems, but for lists that are too short only because what they hold is wrong."""
    found = error.errors()
    return [
        one
        for one in found
        if one["type"] != "too_short"
        or not any(len(o["loc"]) > len(one["loc"]) and o["loc"][: len(one["loc"])] == one["loc"] for o in found)
    ]


def _near(problem: ErrorDetails) -> str:
    """A hint where one of the words that would do is nearly what was given."""
    context, given = problem.get("ctx", {}), problem["input"]
    if problem["type"] == "union_tag_invalid":
        given, expected = context["tag"], context["expected_tags"]
    elif problem["type"] == "literal_error":
        expected = context["expected"]
    else:
        return ""
    near = difflib.get_close_matches(given, re.findall("'([^']*)'", expected), 1) if isinstance(given, str) else ()
    return f"; did you mean '{near[0]}'?" if near else ""


def of_config(error: ValidationError, raw: Json, schema: Json) -> Iterator[str]:
    """Yield a sentence for each problem of a config, with its path in the JSON.

    Args:
        error: of validating `raw`.
        raw: the config as it was read.
        schema: the JSON Schema of the whole config; it tells which keys exist.
    """
    found = [_Problem(problem, raw, schema) for problem in _told(error)]
    sentences: dict[tuple[str, str], list[str]] = {}
    for one in found:
        # Every form that a union's value could have had fails: only the one that was meant is worth a word.
        deeper = any(other.where.startswith(one.where + ".") for other in found)
        if one.of_union and deeper:
            continue
        sentences.setdefault((one.where, one.given), []).extend(one.sentences)
    for (where, given), texts in sentences.items():
        for text in [", or ".join(dict.fromkeys(texts))] if given else texts:
            yield f"{where}: {text}{given}"


def phrase(problem: ErrorDetails, schema: Json | None = None) -> str:
    """Say in words what is wrong with one value, with the types that it could have if the whole's schema is given."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"may hold only {PATTERNS.get(context['pattern'], context['pattern'])}"
    if kind == "union_tag_not_found":
        context = {"expected": ", ".join(_types(problem["loc"], schema)) or "one of the types of data sets"} | context
    if kind in PHRASES:
        return PHRASES[kind].format(**context)
    return problem["msg"].replace("Input should be", "must be")


class _Problem:
    """One problem of a config.

    Attributes:
        where: its path in the JSON, such as "components.Trainer.steps".
        of_union: it is one of the forms that the value of a union could have had.
        sentences: what is wrong.
        given: what stands there, as the end of a sentence; "" where that says nothing.
    """

    def __init__(self, problem: ErrorDetails, raw: Json, schema: Json) -> None:
        path, self.of_union = _path(problem, raw)
        self.where = ".".join(map(str, path)) or "the config"
        self.given = ""
        kind, cause = problem["type"], problem.get("ctx", {}).get("error")
        if kind == "extra_forbidden":
            self.sentences = [_unknown_key(str(path[-1]), _known_fields(problem["loc"][:-1], schema))]
        elif isinstance(cause, ValidationError):  # a recipe, made of the Trainer's fields
            self.sentences = [f"{'.'.join(map(str, e['loc']))}: {phrase(e)}".removeprefix(": ") for e in cause.errors()]
        elif kind == "value_error":
            self.sentences = [str(cause)]
        else:
            self.sentences = [phrase(problem, schema)]
            if kind == "missing":
                self.sentences = [f"is missing{_meaning(problem['loc'], schema)}"]
            else:
                self.given = f". Given: {_short(problem['input'])}{_near(problem)}"


def _path(problem: ErrorDetails, raw: Json) -> tuple[list[str | int], bool]:
    """The problem's place in the JSON, and whether it is one form of a union; pydantic's own names are left out."""
    path: list[str | int] = []
    place: Any = raw
    of_union = False
    for number, part in enumerate(problem["loc"], start=1):
        is_key = isinstance(place, dict) and part in place
        if is_key or (isinstance(place, list) and isinstance(part, int)):
            path.append(part)
            place, of_union = place[part], False
        elif problem["type"] == "missing" and number == len(problem["loc"]):
            path.append(part)
        else:
            of_union = True
    return path, of_union


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _unknown_key(key: str, known: Sequence[str]) -> str:
    plain = {name.lower().replace("_", ""): name for name in known}
    near = difflib.get_close_matches(key.lower().replace("_", ""), plain, 1)
    hint = f"; did you mean {plain[near[0]]!r}?" if near else "."
    return f"unknown key{hint} Known here: {', '.join(known) or 'none'}"


def _meaning(loc: Sequence[str | int], schema: Json) -> str:
    """What a field is, as the end of a sentence."""
    description = _fields(loc[:-1], schema).get(str(loc[-1]), {}).get("description", "")
    return f": {description.rstrip('.')}" if description else ""


def _known_fields(loc: Sequence[str | int], schema: Json) -> list[str]:
    """Names of the fields at a place of the config."""
    return list(_fields(loc, schema))


def _fields(loc: Sequence[str | int], schema: Json) -> Json:
    """Name -> JSON Schema of each field at a place of the config."""
    definitions = schema.get("$defs", {})
    node = schema
    for part in loc:
        node = _deref(node, definitions)
        if "discriminator" in node:
            node = {"$ref": node["discriminator"]["mapping"][part]}
        elif isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part, {})
    properties: Json = _deref(node, definitions).get("properties", {})
    return properties


def _types(loc: Sequence[str | int], schema: Json | None) -> list[str]:
    """The types that the items of the list at a place may have."""
    node = _fields(loc[:-2], schema).get(str(loc[-2]), {}) if schema and len(loc) > 1 else {}
    return sorted(node.get("items", {}).get("discriminator", {}).get("mapping", {}))


def _deref(node: Json, definitions: Mapping[str, Json]) -> Json:
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[-1]]
        else:
            node = next((option for option in node["anyOf"] if "$ref" in option), {})
    return node
