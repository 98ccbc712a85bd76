"""`/openapi.json` and `/api`: what the server offers, for programs and for people."""

import base64
import hashlib
from pathlib import Path

import jinja2
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving import page
from serving.server import openapi
from serving.server.openapi_schemas import Schema
from serving.server.server_state import ServerState

_FOLDER = Path(page.__file__).parent
_SIMPLE = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}


def routes(state: ServerState) -> list[BaseRoute]:
    """The routes of this part."""
    document = openapi.document(state.options)
    content = orjson.dumps(document)
    html, policy = api_page(document)
    headers = {"Cache-Control": "no-cache"}

    async def as_json(request: Request) -> Response:
        return Response(content, 200, headers, "application/json")

    async def as_page(request: Request) -> Response:
        return Response(html, 200, headers | {"Content-Security-Policy": policy}, "text/html")

    return [Route(openapi.ADDRESS, as_json), Route(openapi.PAGE_ADDRESS, as_page)]


def api_page(document: Schema) -> tuple[str, str]:
    """The page, without a script and with all of its style in it, and the policy that lets a browser do no more."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["kind"] = kind_of
    environment.filters["fields"] = fields_of
    environment.filters["prose"] = lambda text: text.replace("`", "")
    style = (_FOLDER / "api.css").read_text(encoding="utf-8")
    operations: dict[str, list[tuple[str, str, Schema]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operations[operation["tags"][0]].append((method.upper(), path, operation))
    html = environment.get_template("api.html.j2").render(document=document, operations=operations, style=style)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    return html, policy


def kind_of(schema: Schema) -> str:
    """What a value may be, in words; a schema of the document is called by its name."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    for either in ("anyOf", "oneOf"):
        if either in schema:
            return " or ".join(dict.fromkeys(kind_of(one) for one in schema[either]))
    if "allOf" in schema:
        return " and ".join(kind_of(one) for one in schema["allOf"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema['items'])}" if "items" in schema else "list"
    if "additionalProperties" in schema and "properties" not in schema:
        below = schema["additionalProperties"]
        return f"object of {kind_of(below)}" if isinstance(below, dict) else "object"
    return _SIMPLE.get(str(schema.get("type")), "object") + _bounds(schema)


def _bounds(schema: Schema) -> str:
    words = (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"), ("exclusiveMaximum", "below"))
    return "".join(f" {word} {schema[key]:g}" for key, word in words if key in schema)


def fields_of(schema: Schema) -> dict[str, Schema]:
    """The fields of an object by name, those of its parts included."""
    fields: dict[str, Schema] = dict(schema.get("properties", {}))
    for part in (*schema.get("allOf", []), *schema.get("oneOf", [])):
        fields |= fields_of(part)
    return fields
