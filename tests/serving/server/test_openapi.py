"""The server's description of itself: valid, complete, and true of what it answers."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.datastructures import QueryParams
from starlette.routing import Route
from starlette.testclient import TestClient

from serving.server import openapi, openapi_schemas, video_assessment
from serving.server.app import create_app
from serving.server.openapi_api import api_page, fields_of, kind_of
from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions
from serving.server.video_options import parse_query


@pytest.fixture(scope="module")
def document():
    return openapi.document(ServerOptions())


@pytest.mark.parametrize("token", [None, "secret"])
def test_it_is_valid_and_names_no_secret(token):
    document = openapi.document(ServerOptions(token=token))
    validate(document)
    assert "secret" not in json.dumps(document)
    needs = {path for path, methods in document["paths"].items() for one in methods.values() if "security" in one}
    protected = {path for path in document["paths"] if path.startswith(("/v1", "/metrics"))}
    assert needs == (protected if token else set())
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))


def test_the_options_of_an_upload_are_those_that_it_takes():
    limits = ServerLimits(max_frames=8)
    options = openapi.query_options(limits)
    with pytest.raises(VideoRefusal) as refused:
        parse_query(QueryParams("nonsense=1"), limits)
    known = refused.value.message.rpartition("the options are ")[2].split(", ")
    assert {one["name"] for one in options} == {*known, "name"} and all(one["description"] for one in options)
    defaults = {one["name"]: str(one["schema"]["default"]) for one in options if "default" in one["schema"]}
    assert parse_query(QueryParams(defaults), limits).wait == 0 and defaults["frames"] == "8"
    for one in options:
        schema, name = one["schema"], one["name"]
        for value in schema.get("enum", []):
            parse_query(QueryParams({name: str(value)}), limits)
        beyond = {key: schema[key] + step for key, step in (("maximum", 1), ("minimum", -1)) if key in schema}
        beyond |= {key: schema[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in schema}
        if "enum" in schema:
            beyond["enum"] = "1234"
        for value in beyond.values():
            with pytest.raises(VideoRefusal):
                parse_query(QueryParams({name: str(value)}), limits)


def test_every_reason_that_the_code_names_stands_at_its_status(document):
    """The reasons of a file that cannot be assessed become statuses by a table, all others where they are raised."""
    named = {(str(code), reason) for reason, code in video_assessment.STATUS.items()}
    for source in Path(openapi.__file__).parent.glob("*.py"):
        named |= set(re.findall(r'VideoRefusal\(\s*(\d+), "(\w+)"', source.read_text()))
    assert len(named) > 20
    # The first two have a sentence of their own; the others are told as upload_lost and as internal.
    others = {("500", "internal"), ("403", "cross_site"), ("503", "missing_file"), ("500", "unreadable_file")}
    for code, reason in named - others:
        told = [
            one["responses"][code]["description"]
            for path, methods in document["paths"].items()
            for one in methods.values()
            if path.startswith("/v1/videos") and code in one["responses"]
        ]
        assert any(reason in text for text in told), (code, reason)


def test_fields_have_the_words_of_the_docstrings(document):
    fields = document["components"]["schemas"]["Verdict"]["properties"]
    assert all("description" in field for field in fields.values())
    assert fields["doubtful"]["description"].startswith("How many of")
    assert openapi_schemas.attributes_of(
        "A.\n\nAttributes:\n    a, b: one\n        more.\n    c: two.\n\nReturns:\n    d: x"
    ) == {"a": "One more.", "b": "One more.", "c": "Two."}


def test_the_page_holds_it_all_and_fetches_nothing(document):
    html, policy = api_page(document)
    for path, methods in document["paths"].items():
        assert f"<code>{path}</code>" in html
        assert all(f'id="{one["operationId"]}"' in html for one in methods.values())
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in html
    assert {link[1:] for link in re.findall(r'href="(#[^"]+)"', html)} <= set(re.findall(r'id="([^"]+)"', html))
    assert "<script" not in html and " on" not in "".join(re.findall(r"<[^>]+>", html)).replace(" open>", "")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html) and "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 64}, "whole number from 1 to 64"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}, "list of Job"),
        ({"enum": ["a", "b"]}, "a, b"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object of text"),
    ],
)
def test_types_in_words(schema, words):
    assert kind_of(schema) == words


@pytest.fixture(scope="module")
def client(models_folder):
    with TestClient(create_app(ServerOptions(model=str(models_folder))), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.slow
def test_every_route_is_described_and_nothing_else(client, document):
    """The addresses of pictures are one route with a path of any depth."""
    pictures = re.compile(r"/v1/videos/\{id\}/(frames|faces|heat)/")
    described = {
        ("/v1/videos/{id}/{path:path}" if pictures.match(path) else path, method.upper())
        for path, methods in document["paths"].items()
        for method in methods
    }
    routes = {
        (route.path, method)
        for route in client.app.routes
        if isinstance(route, Route)
        for method in route.methods or ("GET",)
        if method != "HEAD"
    }
    assert described == routes
    assert client.get("/openapi.json").json() == document
    page = client.get("/api")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")


@pytest.mark.slow
def test_answers_are_what_it_says(client, document, made, clip):
    """Each answer is valid by the schema of its route and status, and has no field that is not described."""

    def check(path, method, answer):
        response = document["paths"][path][method]["responses"][str(answer.status_code)]
        if not answer.content:
            assert "content" not in response
            return None
        kind = answer.headers["content-type"].split(";")[0]
        schema = response["content"][kind].get("schema")
        if schema is None:
            return None
        content = answer.json()
        Draft202012Validator(schema | {"components": document["components"]}).validate(content)
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            assert content.keys() <= fields_of(resolved(document["components"]["schemas"][name])).keys()
        return content

    def resolved(schema):
        """A schema whose parts are no references."""
        parts = [
            document["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
            for part in schema.get("allOf", [])
        ]
        return schema | {"allOf": parts}

    for path in ("/healthz", "/readyz", "/metrics", "/v1/model", "/openapi.json", "/api", "/", "/page/page.js"):
        assert client.get(path).status_code == 200
        check(path, "get", client.get(path))
    base, job = "/v1/models/{name}", "/v1/videos/{id}"
    picture = made.b64(made.encode(made.grey(138)[0]))
    for body, code in (
        ({"instances": [picture]}, 200),
        ({"inputs": {"image_bytes": [picture]}}, 200),
        ({"instances": [picture], "signature_name": "heat_maps"}, 400),
        ({"instances": [made.grey(9)[0].tolist()], "signature_name": "heat_maps"}, 200),
        ({}, 400),
    ):
        answer = client.post(made.PREDICT, content=json.dumps(body))
        assert answer.status_code == code
        check(f"{base}:predict", "post", answer)
    check(f"{base}/metadata", "get", client.get("/v1/models/deepfake/metadata"))
    check(base, "get", client.get("/v1/models/deepfake"))
    check(base, "get", client.get("/v1/models/other"))
    check(f"{base}/versions/{{version}}", "get", client.get("/v1/models/deepfake/versions/7"))
    for query, code in (("wait=60", 200), ("wait=0", 202), ("frames=0", 400), ("x=1", 400)):
        answer = client.post(f"/v1/videos?{query}", content=clip)
        assert answer.status_code == code, answer.text
        content = check("/v1/videos", "post", answer)
        if query == "wait=60":
            done = content
    assert client.post("/v1/videos?wait=60", content=b"no film").status_code == 415
    check("/v1/videos", "post", client.post("/v1/videos?wait=60", content=b"no film"))
    view, address = done["view"], f"/v1/videos/{done['id']}"
    verdict = document["components"]["schemas"]
    assert view.keys() == fields_of(resolved(verdict["View"])).keys()
    assert view["faces"][0].keys() == verdict["FaceVerdict"]["properties"].keys()
    assert view["faces"][0]["frames"][0].keys() == verdict["FrameScore"]["properties"].keys()
    frame = next(iter(view["pictures"]["frames"]))
    for path, end in (
        (f"{job}/frames/{{frame}}.webp", f"/frames/{frame}.webp"),
        (f"{job}/report.html", "/report.html"),
    ):
        answer = client.get(address + end)
        assert answer.status_code == 200
        check(path, "get", answer)
    check(f"{job}/frames/{{frame}}.webp", "get", client.get(f"{address}/frames/999.webp"))
    check(job, "get", client.get(address))
    check(job, "get", client.get("/v1/videos/nobody"))
    check(job, "delete", client.delete(address))
