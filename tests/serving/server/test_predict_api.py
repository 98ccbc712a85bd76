"""TensorFlow Serving's protocol, compared with the model itself."""

import concurrent.futures
import json
import threading

import numpy as np
import pytest

from model.served import SERVED, ServedModel
from serving.server.model_versions import ModelVersion

pytestmark = pytest.mark.slow  # it loads models


@pytest.fixture(scope="module")
def crops():
    """Six faces, uint8 [6, 256, 256, 3], from dark to bright."""
    noise = np.random.default_rng(3).integers(0, 40, (6, 256, 256, 3))
    return (noise + np.linspace(20, 200, 6)[:, None, None, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def expected(crops, saved):
    """What the model says of them."""
    return ServedModel(str(saved["a"])).predict(crops)


def post(client, path, document):
    answer = client.post(path, content=json.dumps(document))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def same(values, expected):
    np.testing.assert_allclose(np.array(values), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("path", ["/v1/models/deepfake:predict", "/v1/models/deepfake/versions/7:predict"])
def test_rows(path, client, crops, expected, made):
    instances = [made.b64(made.encode(crop)) for crop in crops]
    for form in (instances, [{"image_bytes": one} for one in instances]):
        rows = post(client, path, {"instances": form})["predictions"]
        assert all(row.keys() == set(SERVED) for row in rows)
        for name in SERVED:
            same([row[name] for row in rows], expected[name])


def test_columns(client, crops, expected, made):
    values = [made.b64(made.encode(crop)) for crop in crops]
    for form in (values, {"image_bytes": values}):
        outputs = post(client, made.PREDICT, {"inputs": form})["outputs"]
        assert outputs.keys() == set(SERVED)
        for name in SERVED:
            same(outputs[name], expected[name])
    empty = post(client, made.PREDICT, {"inputs": []})["outputs"]
    assert empty == {name: [] for name in SERVED}


def test_signature_crops(client, crops, expected, made):
    document = {"signature_name": "crops", "inputs": crops[3:4].tolist()}
    same(post(client, made.PREDICT, document)["outputs"]["logit"], expected["logit"][3:4])


def test_signature_heat_maps(client, crops, made):
    document = {"signature_name": "heat_maps", "instances": crops[:1].tolist()}
    maps = post(client, made.PREDICT, document)["predictions"]
    same(maps, crops[:1, ..., 0] / 255)
    document = {"signature_name": "heat_maps", "inputs": crops[:1].tolist()}
    same(post(client, made.PREDICT, document)["outputs"], crops[:1, ..., 0] / 255)


def test_heat_maps_of_a_model_without_them(open_client, crops, made):
    client, state = open_client()
    old = made.Fake()
    old.signatures = ("serving_default", "crops")
    state.models.current = ModelVersion(7, old)
    document = {"signature_name": "heat_maps", "instances": crops[:1].tolist()}
    answer = client.post(made.PREDICT, content=json.dumps(document))
    assert answer.status_code == 400 and "was exported without" in answer.json()["error"]


def test_status(client):
    answer = client.get("/v1/models/deepfake").json()
    status = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert answer == {"model_version_status": [status]}
    assert client.get("/v1/models/deepfake/versions/7").json() == answer


def test_metadata(client, saved):
    answer = client.get("/v1/models/deepfake/metadata").json()
    assert answer["model_spec"] == {"name": "deepfake", "signature_name": "", "version": "7"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    model = ServedModel(str(saved["a"]))
    for name, signature in model.signatures.items():
        described = signatures[name]
        assert described["method_name"] == "tensorflow/serving/predict"
        inputs = signature.structured_input_signature[1]
        assert described["inputs"].keys() == inputs.keys()
        for key, spec in inputs.items():
            sizes = [int(dim["size"]) for dim in described["inputs"][key]["tensor_shape"]["dim"]]
            assert sizes == [-1 if size is None else size for size in spec.shape]
            assert described["inputs"][key]["dtype"] == f"DT_{spec.dtype.name.upper()}"
        assert described["outputs"].keys() == signature.structured_outputs.keys()
    assert client.get("/v1/models/deepfake/versions/7/metadata").json() == answer


@pytest.mark.parametrize("end", [":predict", "", "/metadata"])
def test_other_models_and_versions_are_404(end, client):
    method = "POST" if end == ":predict" else "GET"
    for model, message in (("other", "Model other is not served"), ("deepfake/versions/8", "Version 8 is not")):
        answer = client.request(method, f"/v1/models/{model}{end}")
        assert answer.status_code == 404 and message in answer.json()["error"]


def test_bombs_and_noise_cost_a_4xx(client, made):
    huge = made.png_of(60_000, 60_000)
    for data, code in (
        (huge, 413),
        (b"GIF89a" + b"\xff" * 4 + b"\0\0\0;", 413),
        (b"?", 400),
        (huge[:40], 400),
        (huge[:20], 400),
    ):
        answer = client.post(made.PREDICT, content=json.dumps({"instances": [made.b64(data)]}))
        assert answer.status_code == code and "Picture" in answer.json()["error"], answer.text


def test_too_many_faces_are_413(open_client, made):
    client, _ = open_client({"max_crops": 2, "max_batch": 1})
    picture = made.b64(made.encode(made.grey(1)[0]))
    assert client.post(made.PREDICT, content=json.dumps({"instances": [picture] * 3})).status_code == 413
    document = {"signature_name": "heat_maps", "instances": made.grey(1, 2).tolist()}
    answer = client.post(made.PREDICT, content=json.dumps(document))
    assert answer.status_code == 413 and "1 heat maps" in answer.json()["error"]


def test_clients_at_a_time_each_get_their_own(client, crops, expected, made):
    pictures = [made.b64(made.encode(crop)) for crop in crops]

    def ask(number):
        rng = np.random.default_rng(number)
        for _ in range(12):
            which = rng.integers(0, len(crops), rng.integers(1, 5))
            document = {"instances": [pictures[k] for k in which]}
            rows = post(client, made.PREDICT, document)["predictions"]
            for name in SERVED:
                same([row[name] for row in rows], expected[name][which])
        return True

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        assert all(pool.map(ask, range(10)))


def test_a_full_queue_is_429_and_not_ready(open_client, made):
    client, state = open_client({"queue": 2, "max_crops": 2})
    model = made.Fake(go=False)
    state.models.current = ModelVersion(7, model)
    document = json.dumps({"instances": [made.b64(made.encode(made.grey(9)[0]))]})
    answers = []

    def ask():
        answers.append(client.post(made.PREDICT, content=document))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for number, thread in enumerate(threads):
        thread.start()
        assert model.began.wait(60)
        made.wait_until(lambda number=number: state.batcher.waiting["clients"] == number)
    refused = client.post(made.PREDICT, content=document)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) >= 1
    assert client.get("/readyz").status_code == 503 and client.get("/healthz").status_code == 200
    model.go.set()
    for thread in threads:
        thread.join()
    assert [answer.json()["predictions"][0]["logit"] for answer in answers] == [9, 9, 9]
    assert client.get("/readyz").status_code == 200


def test_who_waits_too_long_gets_504_and_is_skipped(open_client, made):
    client, state = open_client({"request_timeout": 0.3})
    model = made.Fake(go=False)
    state.models.current = ModelVersion(7, model)
    document = json.dumps({"instances": [made.b64(made.encode(made.grey(9)[0]))]})
    first, second = client.post(made.PREDICT, content=document), client.post(made.PREDICT, content=document)
    assert first.status_code == second.status_code == 504
    model.go.set()
    made.wait_until(lambda: model.batches == [[9]])
    made.wait_until(lambda: state.batcher.waiting["clients"] == 0)
    assert client.post(made.PREDICT, content=document).status_code == 200
    assert model.batches == [[9], [9]]


@pytest.mark.parametrize("fails, message", [(None, "NaN or infinity"), (RuntimeError("/secret"), "Internal error")])
def test_what_the_model_gets_wrong_is_500_and_leaks_nothing(fails, message, open_client, made):
    client, state = open_client()
    state.models.current = ModelVersion(7, made.Fake(fails=fails, shift=float("nan")))
    answer = client.post(made.PREDICT, content=json.dumps({"instances": [made.b64(made.encode(made.grey(9)[0]))]}))
    assert answer.status_code == 500 and message in answer.json()["error"] and "secret" not in answer.text


def test_versions_change_under_load_and_no_request_is_lost(open_client, versions, push, predict, made):
    client, state = open_client(folder=versions)
    picture, stop, answers = made.encode(made.grey(128)[0]), threading.Event(), []

    def ask():
        while not stop.is_set():
            answers.append(predict(client, [picture] * 3))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        for number, name in ((4, "b"), (5, "broken"), (6, "nan"), (8, "a")):
            push(versions, name, number)
            made.wait_until(lambda number=number: number in dict(state.models.status()))
            made.wait_until(lambda number=number: dict(state.models.status())[number].state != "LOADING")
        stop.set()
        for one in asking:
            one.result()
    logits = [[row["logit"] for row in rows] for rows in answers]
    assert {tuple(one) for one in logits} == {(0.0,) * 3, (100.0,) * 3}  # each of one version
    assert state.models.current.number == 8
    states = {one["version"]: one["state"] for one in client.get("/v1/models/deepfake").json()["model_version_status"]}
    assert states == {"8": "AVAILABLE", "6": "END", "5": "END", "4": "END", "3": "END"}
    metrics = client.get("/metrics").text
    assert 'deepfake_model_loads_total{result="failure"} 2.0' in metrics
    assert 'deepfake_model_loads_total{result="success"} 3.0' in metrics
