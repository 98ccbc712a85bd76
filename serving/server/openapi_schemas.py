"""The JSON that the server takes and gives, as JSON Schema: most of it from the types that make it."""

import inspect
import re
from typing import Any, get_args

from pydantic import TypeAdapter

from model.saved_model import SERVED
from serving.server.predict_request import SIGNATURES
from serving.server.refusals import REASONS
from serving.server.server_limits import ServerLimits
from serving.server.video_job import STAGES, JobState
from serving.verdict import verdict_json
from serving.verdict.verdict_json import ModelDescription, Verdict

Schema = dict[str, Any]

_REF = "#/components/schemas/{model}"
_TEXT, _NUMBER, _COUNT = {"type": "string"}, {"type": "number"}, {"type": "integer", "minimum": 0}
_B64: Schema = {
    "type": "object",
    "description": "Bytes.",
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
    "required": ["b64"],
}


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": _REF.format(model=name)}


def schemas() -> dict[str, Schema]:
    """All schemas by name."""
    found: dict[str, Schema] = {}
    for kind in (Verdict, ModelDescription):
        schema = TypeAdapter(kind).json_schema(ref_template=_REF, mode="serialization")
        found |= schema.pop("$defs", {})
        found[kind.__name__] = schema
    for name, schema in found.items():
        _describe(schema, getattr(verdict_json, name))
    return found | _of_videos() | _of_predict() | _of_errors()


def _describe(schema: Schema, kind: type) -> None:
    """Add what the docstring of a type says about it and its fields; leave out titles, which say nothing more."""
    text = inspect.getdoc(kind) or ""
    schema["description"] = " ".join(text.partition("Attributes:")[0].split())
    about = attributes_of(text)
    for name, field in schema["properties"].items():
        field.pop("title", None)
        if name in about:
            field["description"] = about[name]


def attributes_of(docstring: str) -> dict[str, str]:
    """The attributes of a docstring in Google's style: name -> description."""
    _, _, section = docstring.partition("Attributes:\n")
    about: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        begin = re.match(r"    (\w+(?:, \w+)*): (.*)", line)
        if begin:
            names = begin[1].split(", ")
            about |= dict.fromkeys(names, begin[2])
        elif line.startswith("        "):
            about |= {name: f"{about[name]} {line.strip()}" for name in names}
        else:
            break
    return {name: text[:1].upper() + text[1:] for name, text in about.items()}


def _object(description: str, properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": properties, "required": required}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _of_videos() -> dict[str, Schema]:
    address = {"type": "string", "description": "Path of a WebP picture on the server."}
    face = _object("A face, and the same face with its heat map.", {"face": address, "heat": _nullable(address)})
    pictures = _object(
        "Addresses of pictures; the keys are numbers of frames and tracks. Without pictures there are none.",
        {
            "frames": {"type": "object", "additionalProperties": address},
            "faces": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": face}},
        },
    )
    looked_at = {"type": "array", "items": _COUNT, "description": "Indices of the examined frames, rising."}
    shown = {
        "made_by": {**_TEXT, "description": "The program."},
        "version": {**_TEXT, "description": "Of the program."},
        "caveats": {"type": "array", "items": _TEXT, "description": "What belongs to every verdict of the model."},
        "looked_at": looked_at,
        "pictures": pictures,
    }
    job = {
        "id": {"type": "string", "description": "Cannot be guessed; whoever knows it may read the verdict."},
        "state": {"enum": list(get_args(JobState))},
        "stage": {"enum": list(STAGES)},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "ahead": {**_COUNT, "description": "Jobs before this one."},
        "file": {"type": "string", "description": "The client's name for it."},
        "created": {"type": "string", "format": "date-time"},
        "error": {**_nullable(ref("VideoError")), "description": "Why it failed."},
        "view": {**_nullable(ref("View")), "description": "The verdict, once it is done."},
        "report": {"type": "string", "description": "Path of the report; there is one once it is done."},
    }
    model = {
        "limits": {
            "type": "object",
            "description": "What the server allows, see its flags.",
            "properties": {name: {"type": "number"} for name in ServerLimits.model_fields},
        },
        "parameters": {
            "type": "object",
            "description": "The options of a verdict, as JSON Schema.",
            "additionalProperties": {"type": "object"},
        },
    }
    return {
        "View": {
            "description": "A verdict with the addresses of its pictures.",
            "allOf": [ref("Verdict"), _object("What made it, and what the page shows.", shown)],
        },
        "Job": _object("An uploaded file, and how far the work on it is.", job),
        "Model": {"allOf": [ref("ModelDescription"), _object("Limits and options of this server.", model)]},
    }


def _of_predict() -> dict[str, Schema]:
    crop = {"type": "array", "description": "A crop: nested lists [256, 256, 3] of whole numbers from 0 to 255."}
    value = {"anyOf": [_B64, crop]}
    named = {
        "type": "object",
        "description": f"A value by its name: {', '.join(sorted(set(SIGNATURES.values())))}.",
        "additionalProperties": value,
    }
    signature = {"enum": list(SIGNATURES), "default": "serving_default"}
    rows = {"type": "array", "items": {"anyOf": [value, named]}, "minItems": 1}
    columns = {
        "anyOf": [
            {"type": "array", "items": value},
            {"type": "object", "additionalProperties": {"type": "array", "items": value}},
        ]
    }
    scores = _object(
        "The scores of one face.",
        {name: {"type": "array", "items": _NUMBER} if name == "embedding" else _NUMBER for name in SERVED},
    )
    heat_map = {"type": "array", "description": "A heat map [256, 256], 0 to 1."}
    by_column = {"type": "object", "additionalProperties": {"type": "array"}}
    state = _object(
        "A version.",
        {
            "version": _TEXT,
            "state": _TEXT,
            "status": _object("Why it is not served.", {"error_code": _TEXT, "error_message": _TEXT}),
        },
    )
    return {
        "PredictRequest": {
            "description": "Faces as rows (`instances`) or as columns (`inputs`), as TensorFlow Serving takes them.",
            "oneOf": [
                _object("Rows.", {"signature_name": signature, "instances": rows}, ("signature_name",)),
                _object("Columns.", {"signature_name": signature, "inputs": columns}, ("signature_name",)),
            ],
        },
        "Predictions": {
            "description": "The answer, in the form of the request.",
            "oneOf": [
                _object("Rows.", {"predictions": {"type": "array", "items": {"anyOf": [scores, heat_map]}}}),
                _object("Columns.", {"outputs": {"anyOf": [by_column, {"type": "array"}]}}),
            ],
        },
        "Metadata": _object(
            "The signatures of a version.", {"model_spec": {"type": "object"}, "metadata": {"type": "object"}}
        ),
        "Status": _object("The versions.", {"model_version_status": {"type": "array", "items": state}}),
    }


def _of_errors() -> dict[str, Schema]:
    error = {"type": "string", "description": "What is wrong, and what would be right."}
    reason = {
        "type": "string",
        "description": "A short key; from any route below /v1/videos also: " + ", ".join(sorted(set(REASONS.values()))),
    }
    status = {"enum": ["stopping", "no model", "queue full"]}
    return {
        "Error": _object("A refusal.", {"error": error}),
        "VideoError": _object("A refusal.", {"error": error, "reason": reason}),
        "NotReady": _object("The server is not ready.", {"status": status, "error": error}),
    }
