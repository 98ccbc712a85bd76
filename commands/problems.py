"""pydantic's errors on a config as sentences for people: where, what was given, what would be right."""

import difflib
import json

from pydantic import ValidationError

# pydantic's phrases that would not tell a reader of JSON what to write.
PHRASES = {
    "missing": "is missing",
    "model_type": "must be an object {{...}}",
    "dict_type": "must be an object {{...}}",
    "list_type": "must be a list [...]",
    "tuple_type": "must be a list [...]",
    "string_type": 'must be text, in quotes: "..."',
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "too_short": "must have at least {min_length} entries",
    "string_too_short": "must not be empty",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be {expected}",
    "union_tag_not_found": 'has no "type"; it can be {expected}',
    "union_tag_invalid": '"type" must be one of {expected_tags}',
}
# What the patterns of names stand for.
PATTERNS = {
    r"^[\w.-]+$": "letters, digits, '.', '_' and '-'",
    r"^[\w.+-]+$": "letters, digits, '.', '_', '+' and '-'",
}


def explain(error, raw, schema):
    """Return a sentence for each problem of a pydantic `ValidationError`, with its path in the JSON.

    Args:
        error: of validating `raw`.
        raw: the config as it was read.
        schema: the JSON Schema of the whole config; it tells which keys there are.
    """
    found = [_Problem(problem, raw, schema) for problem in error.errors()]
    sentences = {}
    for one in found:
        # Of a union, every form that the value could have had fails: only the one that was meant is worth a word.
        deeper = any(other.where.startswith(one.where + ".") for other in found)
        if one.of_union and deeper:
            continue
        sentences.setdefault((one.where, one.given), []).extend(one.sentences)
    for (where, given), texts in sentences.items():
        for text in [", or ".join(dict.fromkeys(texts))] if given else texts:
            yield f"{where}: {text}{given}"


class _Problem:
    def __init__(self, problem, raw, schema):
        path, self.of_union = _path(problem, raw)
        self.where = ".".join(map(str, path)) or "the config"
        self.given = ""
        kind, cause = problem["type"], problem.get("ctx", {}).get("error")
        if kind == "extra_forbidden":
            self.sentences = [_unknown_key(path[-1], _known_fields(problem["loc"][:-1], schema))]
        elif isinstance(cause, ValidationError):  # a recipe, made of the fields of the Trainer
            self.sentences = [
                f"{'.'.join(map(str, e['loc']))}: {_phrase(e)}".removeprefix(": ") for e in cause.errors()
            ]
        elif kind == "value_error":
            self.sentences = [str(cause)]
        else:
            self.sentences = [_phrase(problem)]
            if kind != "missing":
                self.given = f". Given: {_short(problem['input'])}"


def _path(problem, raw):
    """The problem's place in the JSON, and whether it is one form of a union. pydantic adds names of its own to it."""
    path, place, of_union = [], raw, False
    for number, part in enumerate(problem["loc"], start=1):
        if (isinstance(place, dict) and part in place) or (isinstance(place, list) and isinstance(part, int)):
            path.append(part)
            place, of_union = place[part], False
        elif problem["type"] == "missing" and number == len(problem["loc"]):
            path.append(part)
        else:
            of_union = True
    return path, of_union


def _phrase(problem):
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"may hold only {PATTERNS.get(context['pattern'], context['pattern'])}"
    if kind == "union_tag_not_found":
        context = {"expected": "one of the types of data sets"} | context
    if kind in PHRASES:
        return PHRASES[kind].format(**context)
    return problem["msg"].replace("Input should be", "must be")


def _short(value):
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _unknown_key(key, known):
    plain = {name.lower().replace("_", ""): name for name in known}
    near = difflib.get_close_matches(str(key).lower().replace("_", ""), plain, 1)
    hint = f"; did you mean {plain[near[0]]!r}?" if near else "."
    return f"unknown key{hint} Known here: {', '.join(known) or 'none'}"


def _known_fields(loc, schema):
    """Names of the fields at a place of the config."""
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
    return list(_deref(node, definitions).get("properties", {}))


def _deref(node, definitions):
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[-1]]
        else:
            node = next((option for option in node["anyOf"] if "$ref" in option), {})
    return node
