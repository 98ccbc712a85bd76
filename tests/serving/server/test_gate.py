"""What every request passes: token, sizes, times, and answers that leak nothing."""

import asyncio
import contextlib
import gzip
import json
import logging
import time
import zlib

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from serving.server import gate, health_api, predict_api
from serving.server.app import Part, create_app
from serving.server.model_versions import ModelVersion
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions

pytestmark = pytest.mark.slow  # it loads models

PARTS = (Part(predict_api.routes), Part(health_api.routes))


@pytest.fixture
def with_routes(models_folder):
    """with_routes(routes, limits={}, **of ServerOptions) -> a client of an application with further routes."""
    opened = []

    def open_with(routes, limits=None, **options):
        parts = (*PARTS, Part(lambda state: routes))
        app = create_app(ServerOptions(model=str(models_folder), limits=ServerLimits(**limits or {}), **options), parts)
        opened.append(TestClient(app, raise_server_exceptions=False))
        return opened[-1].__enter__()

    yield open_with
    for client in opened:
        client.__exit__(None, None, None)


def test_the_token_is_asked_for(open_client):
    client, _ = open_client(token="right")
    for path, code in (("/v1/models/deepfake", 200), ("/metrics", 200), ("/v1/nothing", 404), ("/v1/videos", 404)):
        for headers in (
            {},
            {"Authorization": "right"},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer "},
        ):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer", path
            assert "token" in answer.json()["error"]
        for scheme in ("Bearer", "bearer"):
            assert client.get(path, headers={"Authorization": f"{scheme} right"}).status_code == code
    for health in ("/healthz", "/readyz"):
        assert client.get(health).status_code == 200


@pytest.mark.parametrize("options", [{}, {"token": "right"}])
def test_pages_of_other_sites_can_change_nothing(options, open_client, made):
    client, state = open_client(**options)
    state.decoder = None  # whoever got that far would fail

    def ask(method, site, path=made.PREDICT):
        headers = {"Authorization": "Bearer right"} | ({"Sec-Fetch-Site": site} if site else {})
        return client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)

    for site in ("cross-site", "Cross-Site ", "same-site"):
        for method in ("POST", "DELETE"):
            answer = ask(method, site)
            assert answer.status_code == 403 and "page of another site" in answer.json()["error"]
        refused = ask("POST", site, "/v1/videos")
        assert refused.status_code == 403 and refused.json()["reason"] == "cross_site"
    for site in ("same-origin", "none", None):
        assert ask("POST", site).status_code == 400, "as without it"
        assert ask("DELETE", site).status_code == 405
    assert ask("GET", "cross-site", "/v1/models/deepfake").status_code == 200, "a link"


def test_hosts_and_origins_are_compared_before_anything_else(open_client, made):
    client, state = open_client(token="right", allowed_hosts="faces.example")
    state.decoder = None
    for headers in ({"Host": "evil.example"}, {"Host": "evil.example", "Origin": "http://evil.example"}):
        for method, path in (("POST", made.PREDICT), ("GET", "/"), ("GET", "/v1/models/deepfake"), ("GET", "/metrics")):
            refused = client.request(method, path, headers=headers)
            assert refused.status_code == 421 and "--allowed_hosts=evil.example" in refused.json()["error"]
        assert client.get("/healthz", headers=headers).status_code == 200
    assert client.post("/v1/videos", headers={"Host": "evil.example"}).json()["reason"] == "wrong_host"
    refused = client.post("/v1/videos", headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403 and refused.json()["reason"] == "cross_site"
    allowed = {"Host": "faces.example", "Origin": "https://faces.example", "Authorization": "Bearer right"}
    assert client.get("/v1/models/deepfake", headers=allowed).status_code == 200


def test_no_body_is_read_without_the_token(open_client, made):
    client, state = open_client(token="right")
    state.decoder = None  # whoever got that far would fail
    assert client.post(made.PREDICT, content=b"{}").status_code == 401


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_its_bound_is_refused(chunked, open_client, made):
    client, _ = open_client({"max_body": 1000})

    def send(size):
        body = b" " * size
        return client.post(made.PREDICT, content=iter([body[:300], body[300:]]) if chunked else body)

    assert send(1000).status_code == 400
    answer = send(1001)
    assert answer.status_code == 413 and answer.json() == {"error": "The request is larger than 1_000 bytes"}


def test_all_bodies_together_are_bounded_and_room_comes_back(open_client, made):
    client, _ = open_client({"bodies": 1000})
    answer = client.post(made.PREDICT, content=b" " * 1001)
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
    for _ in range(3):
        assert client.post(made.PREDICT, content=b" " * 900).status_code == 400


@pytest.mark.parametrize("encoding, pack", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_request_has_the_answer_of_the_same_unpacked(encoding, pack, open_client, made):
    client, _ = open_client()
    body = json.dumps({"instances": [made.b64(made.encode(made.grey(90)[0]))]}).encode()
    plain = client.post(made.PREDICT, content=body)
    packed = client.post(made.PREDICT, content=pack(body), headers={"Content-Encoding": encoding})
    assert plain.status_code == 200 == packed.status_code and packed.json() == plain.json()
    cut = client.post(made.PREDICT, content=pack(body)[:-5], headers={"Content-Encoding": encoding})
    assert cut.status_code == 400 and "ends too soon" in cut.json()["error"]
    other = client.post(made.PREDICT, content=body, headers={"Content-Encoding": "br"})
    assert other.status_code == 415 and "send gzip, deflate or none" in other.json()["error"]


def test_what_unpacks_to_too_much_is_refused_in_words_of_its_own(open_client, made):
    client, _ = open_client({"max_body": 100_000, "bodies": 250_000})
    for size, code in ((100_000, 400), (100_001, 413), (50_000_000, 413)):
        for _ in range(3):  # room comes back
            answer = client.post(made.PREDICT, content=gzip.compress(b" " * size), headers={"Content-Encoding": "gzip"})
            assert answer.status_code == code
    assert answer.json() == {"error": "The request's body unpacks to more than 100_000 bytes"}


def test_an_error_inside_shows_a_number_that_the_log_has(with_routes, caplog):
    async def fail(request):
        raise RuntimeError("/secret/place")

    client = with_routes([Route("/fail", fail)])
    with caplog.at_level(logging.ERROR):
        answer = client.get("/fail")
    assert answer.status_code == 500 and set(answer.json()) == {"error"}
    assert "secret" not in answer.text and "Traceback" not in answer.text and "RuntimeError" not in answer.text
    number = answer.json()["error"].split()[2].rstrip(";")
    (record,) = caplog.records
    assert number in record.getMessage() and "/secret/place" in str(record.exc_info[1])


def test_who_takes_too_long_gets_504(with_routes, made):
    async def slow(request):
        await request.body()
        await asyncio.sleep(60)

    client = with_routes([Route("/slow", slow, methods=["POST"])], {"request_timeout": 0.2})
    began = time.monotonic()
    answer = client.post("/slow", content=b"complete")
    assert answer.status_code == 504 and time.monotonic() - began < 30
    assert "0.2 s" in answer.json()["error"]


def exchange(client, *messages, path="/v1/models/deepfake:predict"):
    """(code, body) of a request whose messages come one by one, and then nothing."""
    sent, coming = [], list(messages)

    async def receive():
        if not coming:
            await asyncio.sleep(60)
        return coming.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "server": None,
        "client": None,
    }
    asyncio.run(client.app(scope, receive, send))
    return (sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])) if sent else None


def test_a_body_that_does_not_come_is_408(open_client, monkeypatch):
    monkeypatch.setattr(gate, "LINGER", 0.1)
    client, state = open_client({"request_timeout": 0.2})
    code, body = exchange(client, {"type": "http.request", "body": b"{", "more_body": True})
    assert code == 408 and b"was not sent within 0.2 s" in body
    assert state.batcher.waiting["clients"] == 0


def test_who_hangs_up_gets_no_answer_and_no_error(open_client, caplog):
    client, _ = open_client()
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert exchange(client, part, {"type": "http.disconnect"}) is None
    assert 'code="499"' in client.get("/metrics").text
    assert caplog.records == []


def test_faces_of_a_client_that_is_gone_are_skipped(open_client, made):
    client, state = open_client()
    model = made.Fake(go=False)
    state.models.current = ModelVersion(7, model)
    first = state.batcher.submit(model, made.grey(1))
    assert model.began.wait(60)
    content = json.dumps({"instances": [made.b64(made.encode(made.grey(9)[0]))]}).encode()
    body = {"type": "http.request", "body": content, "more_body": False}
    assert exchange(client, body, {"type": "http.disconnect"}) is None
    model.go.set()
    first.future.result(60)
    made.wait_until(lambda: state.batcher.waiting["clients"] == 0)
    assert model.batches == [[1]]


def test_a_page_keeps_its_own_policy(with_routes):
    async def page(request):
        return PlainTextResponse("hello", headers={"Content-Security-Policy": "default-src 'self'"})

    client = with_routes([Route("/", page)])
    answer = client.get("/")
    assert answer.headers.get_list("Content-Security-Policy") == ["default-src 'self'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/healthz", "/v1/models/deepfake", "/nothing"])
def test_every_answer_has_the_headers(path, client):
    headers = client.get(path).headers
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Cache-Control", "no-store"),
    ):
        assert headers[name] == value
    assert headers["Content-Security-Policy"].startswith("default-src 'none'") and "Server" not in headers


def test_other_methods_and_places(client, made):
    for method, path, code, allow in [
        ("GET", made.PREDICT, 405, {"POST"}),
        ("PUT", made.PREDICT, 405, {"POST"}),
        ("POST", "/healthz", 405, {"GET", "HEAD"}),
        ("OPTIONS", "/healthz", 204, {"GET", "HEAD"}),
        ("OPTIONS", made.PREDICT, 204, {"POST"}),
    ]:
        answer = client.request(method, path)
        assert answer.status_code == code, (method, path)
        assert set(answer.headers["Allow"].split(", ")) == allow
        assert code == 204 or set(answer.json()) == {"error"}
    head = client.head("/healthz")
    assert head.status_code == 200 and head.content == b""
    for path in ("/nothing", "/v1/models/", "/healthz/", "/v1/models/deepfake/versions/x", "/../etc/passwd"):
        answer = client.get(path)
        assert answer.status_code == 404 and set(answer.json()) == {"error"}, path


@pytest.mark.parametrize("version", ["9" * 20, "9" * 5000, "-7", "7.0", "7_0", "%B2", "x"])
def test_versions_that_are_not_numbers(version, client, made):
    for method, path in (("GET", ""), ("GET", "/metadata"), ("POST", ":predict")):
        answer = client.request(method, f"/v1/models/deepfake/versions/{version}{path}")
        assert answer.status_code == 404 and answer.json() == {"error": "There is nothing here"}, (method, path)
    assert client.get(f"/v1/models/deepfake/versions/{version}:predict").status_code == 405


def test_the_parts_live_as_long_as_the_server(models_folder):
    seen = []

    @contextlib.asynccontextmanager
    async def lifespan(state):
        seen.append(("begin", state.stopping))
        yield
        seen.append(("end", state.stopping))

    app = create_app(ServerOptions(model=str(models_folder)), (*PARTS, Part(lambda state: [], lifespan)))
    with TestClient(app):
        assert seen == [("begin", False)]
    assert seen == [("begin", False), ("end", True)]
