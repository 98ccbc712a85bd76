"""Alive, ready, and the metrics."""

import pytest

from serving.server.model_versions import ModelVersion

pytestmark = pytest.mark.slow  # it loads models


def metrics(client):
    """name{labels} -> value."""
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
    rows = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def test_alive_and_ready(open_client):
    client, state = open_client()
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "version": "7"}
    state.stopping = True
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json()["status"] == "stopping"
    state.stopping, current = False, state.models.current
    state.models.current = None
    assert client.get("/readyz").json()["status"] == "no model"
    assert client.get("/metrics").status_code == 200 and client.get("/healthz").status_code == 200
    state.models.current = current


def test_the_metrics_count(open_client, predict, made):
    client, state = open_client()
    before = metrics(client)
    assert before["deepfake_model_version"] == 7 and before["deepfake_faces_total"] == 0
    predict(client, [made.encode(made.grey(1)[0])] * 3)
    client.post(made.PREDICT, content=b"?")
    client.get("/wp-login.php")
    client.request("BREW", "/healthz")
    state.models.current = ModelVersion(9, state.models.current.model)
    after = metrics(client)
    route = 'route="/v1/models/{name}:predict"'
    assert after[f'deepfake_requests_total{{code="200",method="POST",{route}}}'] == 1
    assert after[f'deepfake_requests_total{{code="400",method="POST",{route}}}'] == 1
    assert after['deepfake_requests_total{code="404",method="GET",route="other"}'] == 1
    assert after['deepfake_requests_total{code="405",method="other",route="/healthz"}'] == 1
    assert after[f"deepfake_request_seconds_count{{{route}}}"] == 2
    assert after["deepfake_faces_total"] == 3
    assert after["deepfake_batch_faces_count"] == 1 and after["deepfake_batch_faces_sum"] == 3
    assert after['deepfake_queue_faces{lane="clients"}'] == 0
    assert after["deepfake_model_version"] == 9
    assert after["process_resident_memory_bytes"] > 1e6
