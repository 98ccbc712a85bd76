"""What the server offers, as an OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from commands.parser import version
from faces.detector import MIN_FACE_SIZES
from serving import page
from serving.server.gate import PROTECTED
from serving.server.openapi_schemas import Schema, ref, schemas
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions
from serving.server.video_options import CLIENT_OPTIONS, KINDS, MAX_WAIT
from serving.verdict.verdict_options import VerdictOptions

ADDRESS, PAGE_ADDRESS = "/openapi.json", "/api"
TAGS = {
    "videos": "Verdicts on videos and pictures",
    "crops": "Scores of face crops: TensorFlow Serving's protocol",
    "monitoring": "Health and metrics",
    "page": "The web page, and this description",
}
_ABOUT = (
    "Finds faces in videos and pictures and estimates how likely each is fake. GET answers HEAD, too. "
    "A request may be packed with gzip or deflate. Every refusal is JSON with the field `error`."
)
# By status, why any route may refuse.
_ANY = {
    403: "A browser sends it for a page of another site",
    421: "The Host is none of the server's names",
    500: "A bug; the message is a number that is also in the log",
}
_PREDICT = {
    400: "Malformed JSON, base64 or picture; the message names the element",
    404: "Another model or version",
    408: "It was not sent in time",
    413: "Beyond a limit, see /v1/model",
    415: "It is packed in a way that is not known",
    429: "The queue is full; Retry-After says when to try again",
    503: "No model, or too much is being sent; Retry-After says when to try again",
    504: "The answer took too long",
}
_UPLOAD = {
    400: "bad_option, malformed_form, no_file, several_files, empty_file; bad_request: it is packed and damaged",
    408: "too_slow",
    409: "cancelled, while the answer waited for the verdict",
    413: "too_large or too_long",
    415: "unknown_encoding, or no video or picture that is read: not_a_video, no_video_stream, unknown_codec, "
    "not_an_image, heic_picture",
    422: "Nothing in it can be read: undecodable, no_frames, decoder_crashed, time_limit",
    429: "queue_full; Retry-After says when to try again",
    503: "not_ready: the server is stopping; upload_lost: send the file again; no_folder: there is none for uploads",
    507: "disk_full",
}
_JOB = {404: "unknown_job: there is no such job, or no longer"}


def document(options: ServerOptions) -> Schema:
    """The document of a server with these options: OpenAPI 3.1."""
    paths: dict[str, Schema] = {}
    for path, method, operation in (*_videos(options.limits), *_crops(), *_monitoring(), *_page()):
        protected = options.token is not None and path.startswith(PROTECTED)
        error = "VideoError" if path.startswith("/v1/videos") else "Error"
        refusals = {
            **({401: "The token is missing or wrong"} if protected else {}),
            **_ANY,
            **operation.pop("refusals"),
        }
        for code, why in refusals.items():
            operation["responses"].setdefault(str(code), _json(why, ref(error)))
        operation["responses"] = dict(sorted(operation["responses"].items()))
        if protected:
            operation["security"] = [{"token": []}]
        paths.setdefault(path, {})[method] = operation
    components: Schema = {"schemas": schemas()}
    if options.token is not None:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Multi-metric deepfake detector",
            "version": version().partition(" ")[2],
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],  # also below a path of a proxy
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": components,
    }


Operations = Iterator[tuple[str, str, Schema]]


def _operation(
    tag: str,
    name: str,
    summary: str,
    responses: Mapping[int, Schema],
    refusals: Mapping[int, str] | None = None,
    **more: Any,
) -> Schema:
    """An operation; its refusals become responses in `document`."""
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        **more,
        "responses": {str(code): response for code, response in responses.items()},
        "refusals": dict(refusals or {}),
    }


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _bytes(description: str, kind: str) -> Schema:
    return {"description": description, "content": {kind: {}}}


def _in_path(name: str, description: str, kind: str = "string") -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": kind}}


def _query(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def query_options(limits: ServerLimits) -> list[Schema]:
    """The options of an upload, as parameters of the query."""
    known = VerdictOptions.model_json_schema()["properties"]
    waits = "Seconds for which the answer waits for the verdict; after them it is the job as it is."
    parameters = [
        _query("wait", waits, {"type": "number", "minimum": 0, "maximum": MAX_WAIT, "default": 0}),
        _query("cancel", "A client that leaves while it waits cancels the job.", {"type": "boolean", "default": False}),
        _query("pictures", "Make pictures and heat maps.", {"type": "boolean", "default": True}),
        _query("kind", "What the file is; auto: its content decides.", {"enum": list(KINDS), "default": "auto"}),
        _query("name", "The file's name, where the body is the file itself.", {"type": "string"}),
    ]
    for name in CLIENT_OPTIONS:
        schema = {key: value for key, value in known[name].items() if key not in ("title", "description")}
        if name == "frames":
            schema |= {"maximum": limits.max_frames, "default": min(schema["default"], limits.max_frames)}
        if name == "min_face_size":
            schema["enum"] = list(MIN_FACE_SIZES)
        parameters.append(_query(name, known[name]["description"], schema))
    return parameters


def _videos(limits: ServerLimits) -> Operations:
    file = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
    body = {
        "required": True,
        "description": "The file: as the field `file` of a form, or as the whole body, whatever its Content-Type. Up "
        f"to {limits.max_upload:,} bytes.",
        "content": {"multipart/form-data": {"schema": file}, "application/octet-stream": {}},
    }
    location = {"Location": {"description": "Path of the job.", "schema": {"type": "string"}}}
    yield "/v1/videos", "post", _operation(
        "videos", "upload", "Upload a video or a picture, and get its verdict",
        {
            200: {**_json("The job with its verdict, within the time of `wait`", ref("Job")), "headers": location},
            202: {**_json("The job, which goes on", ref("Job")), "headers": location},
        },
        _UPLOAD, parameters=query_options(limits), requestBody=body,
        description="A clip without a face, or with too little of one, is no error: its verdict is cannot_judge.",
    )  # fmt: skip
    job, one = "/v1/videos/{id}", [_in_path("id", "Of the job.")]
    yield job, "get", _operation(
        "videos", "job", "How far a job is; at its end, the verdict", {200: _json("The job", ref("Job"))}, _JOB,
        parameters=one,
    )  # fmt: skip
    yield job, "delete", _operation(
        "videos", "cancel", "Cancel a job; forget one that is over",
        {200: _json("It is being cancelled", ref("Job")), 204: {"description": "It was over, and is forgotten"}}, _JOB,
        parameters=one,
    )  # fmt: skip
    yield f"{job}/report.html", "get", _operation(
        "videos", "report", "The verdict as one page that fetches nothing", {200: _bytes("The page", "text/html")},
        {404: "unknown_job; no_report: there is none before there is a verdict"}, parameters=one,
    )  # fmt: skip
    frame, track = _in_path("frame", "Its index.", "integer"), _in_path("track", "Of the face, from 0.", "integer")
    for name, what, path, parameters in (
        ("frame", "A frame", "frames/{frame}.webp", [*one, frame]),
        ("face", "A face as the model saw it", "faces/{track}/{frame}.webp", [*one, track, frame]),
        ("heat_map", "A face with its heat map", "heat/{track}/{frame}.webp", [*one, track, frame]),
    ):
        yield f"{job}/{path}", "get", _operation(
            "videos", name, what, {200: _bytes("The picture", "image/webp")}, {404: "unknown_job, unknown_picture"},
            parameters=parameters,
        )  # fmt: skip
    yield "/v1/model", "get", _operation(
        "videos", "model", "The model and its card, the limits, and the options of a verdict",
        {200: _json("What is served", ref("Model"))}, {503: "There is no model"},
    )  # fmt: skip


def _crops() -> Operations:
    name = _in_path("name", "Of the model, see --model_name.")
    number = _in_path("version", "Its number; only the newest version is loaded.", "integer")
    for base, suffix, parameters in (
        ("/v1/models/{name}", "", [name]), ("/v1/models/{name}/versions/{version}", "_of_version", [name, number]),
    ):  # fmt: skip
        body = {"required": True, "content": {"application/json": {"schema": ref("PredictRequest")}}}
        yield f"{base}:predict", "post", _operation(
            "crops", f"predict{suffix}", "Score face crops", {200: _json("The scores", ref("Predictions"))}, _PREDICT,
            parameters=parameters, requestBody=body,
            description="Crops are aligned as FaceExampleGen does it; otherwise scores mean little.",
        )  # fmt: skip
        missing = {404: "Another model or version"}
        yield f"{base}/metadata", "get", _operation(
            "crops", f"metadata{suffix}", "The signatures of the model", {200: _json("They", ref("Metadata"))},
            {**missing, 503: "There is no model"}, parameters=parameters,
        )  # fmt: skip
        yield base, "get", _operation(
            "crops", f"status{suffix}", "The versions and their states", {200: _json("They", ref("Status"))}, missing,
            parameters=parameters,
        )  # fmt: skip


def _monitoring() -> Operations:
    alive = {"type": "object", "properties": {"status": {"const": "alive"}}, "required": ["status"]}
    ready = {
        "type": "object",
        "properties": {"status": {"const": "ready"}, "version": {"type": "string"}},
        "required": ["status", "version"],
    }
    yield "/healthz", "get", _operation("monitoring", "alive", "Whether the process lives", {200: _json("Yes", alive)})
    yield "/readyz", "get", _operation(
        "monitoring", "ready", "Whether a model is loaded and the queue has room",
        {200: _json("Yes", ready), 503: _json("No", ref("NotReady"))},
    )  # fmt: skip
    yield (
        "/metrics",
        "get",
        _operation("monitoring", "metrics", "Metrics for Prometheus", {200: _bytes("The metrics", "text/plain")}),
    )


def _page() -> Operations:
    yield ADDRESS, "get", _operation("page", "openapi", "This document", {200: _json("It", {"type": "object"})})
    yield PAGE_ADDRESS, "get", _operation("page", "api", "This document as a page", {200: _bytes("It", "text/html")})
    kinds = {"svg": "image/svg+xml", "css": "text/css", "js": "text/javascript", "html": "text/html"}
    for path, file in page.FILES.items():
        name, kind = f"page_{file.stem}_{file.suffix[1:]}", kinds[file.suffix[1:]]
        summary = "The page" if path == "/" else "A part of the page"
        answers = {200: _bytes("The file", kind), 304: {"description": "It is what the client has"}}
        yield path, "get", _operation("page", name, summary, answers)
