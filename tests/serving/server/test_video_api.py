"""`/v1/videos` and `/v1/model`: from an upload to the verdict, its pictures and its report; the same as elsewhere."""

import contextlib
import gc
import gzip
import json
import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit
from starlette.testclient import TestClient

from model.served import ServedModel
from serving.server import upload_body, video_reports
from serving.server.app import create_app
from serving.server.batching import Batcher
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions
from serving.verdict import assessor
from serving.verdict.assessor import Assessor
from serving.verdict.scores import ScoringModel, crops_of, score_faces
from tests.fixtures.served import GOOD

pytestmark = pytest.mark.slow  # it assesses videos

TEMPERATURES = {"frame": 1.3, "video": 0.7}


@pytest.fixture
def open_client(models_folder):
    """open_client(limits={}, **of ServerOptions) -> a client of the whole app, and its `ServerState`."""
    with contextlib.ExitStack() as stack:

        def open_client(limits=None, folder=models_folder, **options):
            options = ServerOptions(
                model=str(folder), poll_seconds=0.05, limits=ServerLimits(**limits or {}), **options
            )
            client = stack.enter_context(TestClient(create_app(options), raise_server_exceptions=False))
            return client, client.app.state.serving

        yield open_client


@pytest.fixture(scope="module")
def client(models_folder):
    """A client of the whole application with default options."""
    with TestClient(create_app(ServerOptions(model=str(models_folder))), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, push):
    """A model server's folder with a calibrated version 4."""
    folder = tmp_path_factory.mktemp("calibrated") / "models"
    push(folder, "a", 4)
    (folder / "4" / "assets.extra").mkdir(exist_ok=True)
    (folder / "4" / "assets.extra" / "calibration.json").write_text(json.dumps(TEMPERATURES))
    return folder


@pytest.fixture(scope="module")
def judged(client, clip):
    """The job of the clip, done."""
    answer = client.post("/v1/videos?wait=60", files={"file": ("a clip.mp4", clip, "video/mp4")})
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(client, content, query="wait=60"):
    answer = client.post(f"/v1/videos?{query}", content=content)
    return answer.status_code, answer.json()


def test_a_packed_upload_is_the_same_film(client, clip, judged):
    packed = gzip.compress(clip)
    answer = client.post("/v1/videos?wait=60", content=packed, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.json()["view"]["logit"] == judged["view"]["logit"]
    for size in (5 << 20, 3 << 20):
        bomb = gzip.compress(bytes(size))
        refused = client.post("/v1/videos", content=bomb[:-9], headers={"Content-Encoding": "gzip"})
        assert refused.status_code == 400 and refused.json()["reason"] == "bad_request"


def test_an_upload_that_unpacks_to_too_much_is_refused(open_client):
    client, _ = open_client({"max_upload": 1 << 20})
    refused = client.post("/v1/videos", content=gzip.compress(bytes(1 << 24)), headers={"Content-Encoding": "gzip"})
    assert refused.status_code == 413 and refused.json()["reason"] == "too_large"
    assert refused.json()["error"] == "the file is larger than 1 MiB"


def follow(client, job):
    """Poll a job until it is over: [JSON of each poll]."""
    seen, deadline = [job], time.monotonic() + 60
    while seen[-1]["state"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
        seen.append(client.get(f"/v1/videos/{job['id']}").json())
    return seen


# --- the way of a clip --------------------------------------------------------------------------------------------
def test_a_clip_has_a_verdict(judged):
    view = judged["view"]
    assert (judged["state"], judged["stage"], judged["progress"], judged["error"]) == ("done", "done", 1.0, None)
    assert judged["file"] == view["file"] == "a clip.mp4" and view["kind"] == "video"
    assert (view["wanted"], view["with_face"], len(view["faces"])) == (12, 12, 1)
    assert view["verdict"] in ("fake", "real", "unsure") and view["statement"]
    assert view["model"]["name"] == "models" and view["model"]["version"] == 7
    assert view["made_by"] == "deepfake-predict" and view["version"].startswith("multi-metric-deepfake-detector")
    assert view["parameters"]["frames"] == 32 and view["parameters"]["video_rule"] == "mean_logit"


def test_its_pictures(client, judged):
    pictures = judged["view"]["pictures"]
    assert list(pictures["frames"]) == [str(k) for k in range(12)] and set(pictures["faces"]) == {"0"}
    faces = pictures["faces"]["0"]
    assert len(faces) == 12 and all(face["face"] and face["heat"] for face in faces.values())
    sizes = {}
    for name, address in {"frame": pictures["frames"]["3"], **faces["3"]}.items():
        assert address.startswith(f"/v1/videos/{judged['id']}/")
        answer = client.get(address)
        assert answer.headers["content-type"] == "image/webp" and answer.headers["cache-control"].startswith(
            "private, max"
        )
        sizes[name] = Image.open(answer).size
    assert sizes == {"frame": (300, 300), "face": (160, 160), "heat": (160, 160)}


def test_its_report_holds_everything(client, judged):
    answer = client.get(judged["report"])
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert "sandbox" in answer.headers["content-security-policy"] and "private" in answer.headers["cache-control"]
    assert answer.text.count("data:image/webp;base64,") == 12 + 2 * 12 and "/v1/videos/" not in answer.text


def test_a_report_is_made_once_for_all_who_read_it(client, judged, monkeypatch):
    """As long as somebody reads it, others get the same one; then it is not kept."""
    reading, page = [], video_reports._Page

    def read_by_somebody(*arguments):
        reading.append(page(*arguments))
        return reading[-1]

    monkeypatch.setattr(video_reports, "_Page", read_by_somebody)
    first, second = (client.get(judged["report"]) for _ in range(2))
    assert first.content == second.content and int(first.headers["content-length"]) > 100_000
    assert len(reading) == 1
    reading.clear()
    gc.collect()
    assert len(client.app.state.serving.videos.reports) == 0, "and not kept"
    assert client.get(judged["report"]).content == first.content and len(reading) == 1


def test_a_wait_ends_before_the_time_of_its_request(open_client, slow_score, made, portrait):
    client, _ = open_client({"video_timeout": 1.5})
    code, job = post(client, made.encode(portrait))
    assert code == 202 and job["state"] in ("queued", "running")


def test_a_job_is_followed_to_its_end(client, clip):
    answer = client.post("/v1/videos?name=b.mp4", content=clip)
    assert answer.status_code == 202 and answer.headers["location"] == f"/v1/videos/{answer.json()['id']}"
    seen = follow(client, answer.json())
    assert seen[-1]["state"] == "done" and seen[-1]["view"] and all(job["view"] is None for job in seen[:-1])
    assert seen[0]["file"] == "b.mp4" and [job["progress"] for job in seen] == sorted(job["progress"] for job in seen)
    assert len({job["progress"] for job in seen}) > 3, "real progress"


def test_a_picture(client, made, portrait):
    code, job = post(client, made.encode(portrait))
    assert code == 200 and (job["view"]["kind"], job["view"]["wanted"]) == ("image", 1)
    code, job = post(client, made.encode(portrait), "wait=60&kind=crop")
    assert (job["view"]["kind"], job["view"]["faces"][0]["frames"][0]["box"]) == ("crop", [0, 0, 300, 300])


def test_without_pictures(client, clip, judged):
    code, job = post(client, clip, "wait=60&pictures=false&name=a%20clip.mp4")
    assert code == 200 and job["view"]["pictures"] == {"frames": {}, "faces": {}}
    elsewhere = {"pictures": None, "judged_at": None}
    assert job["view"] | elsewhere == judged["view"] | elsewhere
    assert client.get(job["report"]).status_code == 200


def test_no_face_is_a_verdict(client, made):
    code, job = post(client, made.encode(np.full((64, 64, 3), 90, np.uint8)))
    assert code == 200 and (job["view"]["verdict"], job["view"]["reason"]) == ("cannot_judge", "no_face")


def test_options_are_used(client, clip):
    code, job = post(client, clip, "wait=60&frames=5&threshold=0.99&min_frames=6&pictures=0")
    assert code == 200 and (job["view"]["wanted"], job["view"]["threshold"]) == (5, 0.99)
    assert job["view"]["reason"] == "too_few_frames"
    assert post(client, clip, "wait=60&pictures=0")[1]["view"]["wanted"] == 12, "and not for the next one"


BESIDE = ("made_by", "version", "caveats", "looked_at", "pictures")  # the verdict itself


# --- parity -------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("one_moment")
def test_the_verdict_is_the_same_as_elsewhere(calibrated, open_client, predict, clip, made, tmp_path):
    client, _ = open_client(folder=calibrated)
    _, job = post(client, clip, "wait=60&name=c.mp4")
    (tmp_path / "c.mp4").write_bytes(clip)
    model = ScoringModel.of_served(ServedModel(str(calibrated)))
    with Assessor() as direct_assessor:
        found = direct_assessor.find(str(tmp_path / "c.mp4"), model, name="c.mp4")
        direct = direct_assessor.assess(found, model).verdict
    shown = {name: value for name, value in job["view"].items() if name not in BESIDE}
    expected = json.loads(json.dumps(direct.as_dict()))
    assert shown["parameters"].pop("decode_time_limit") >= expected["parameters"].pop("decode_time_limit")
    assert shown == expected, "to the last bit"
    crops = crops_of(found.examples)
    rows = predict(client, [made.encode(crop) for crop in crops])
    logits = np.array([row["logit"] for row in rows], np.float64)
    assert job["view"]["logit"] == pytest.approx(logits.mean(), abs=1e-6)
    assert job["view"]["fake_probability"] == pytest.approx(expit(logits.mean() / TEMPERATURES["video"]), abs=1e-6)
    assert [frame["logit"] for frame in job["view"]["faces"][0]["frames"]] == pytest.approx(logits, abs=1e-6)
    answer = client.post(made.PREDICT, json={"signature_name": "crops", "instances": crops[:2].tolist()})
    assert [row["logit"] for row in answer.json()["predictions"]] == pytest.approx(logits[:2], abs=1e-6)


def test_a_job_keeps_the_version_that_it_began_with(open_client, versions, push, made, clip, monkeypatch):
    begun, score = made.Fake(go=False), Batcher.score

    def held(batcher, model, crops):
        begun.began.set()
        assert begun.go.wait(60)
        return score(batcher, model, crops)

    monkeypatch.setattr(Batcher, "score", held)
    client, state = open_client(folder=versions)
    answer = client.post("/v1/videos", content=clip)
    assert begun.began.wait(60)
    push(versions, "b", 4)
    made.wait_until(lambda: state.models.current.number == 4)
    begun.go.set()
    view = follow(client, answer.json())[-1]["view"]
    assert view["model"]["version"] == 3 and abs(view["logit"]) < 50, "version 4 adds 100"
    after = post(client, clip)[1]["view"]
    assert after["model"]["version"] == 4 and after["logit"] == pytest.approx(view["logit"] + 100, abs=1e-4)


# --- options and errors -------------------------------------------------------------------------------------------
def test_wrong_options_are_refused(client):
    code, refusal = post(client, b"x", "frames=a")
    assert (code, refusal["reason"]) == (400, "bad_option") and refusal["error"] == "frames: must be a whole number"


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (b"", 400, "empty_file"),
        (b"<html>" * 99, 415, "not_a_video"),
        (b"PK\x03\x04" + bytes(99), 415, "not_a_video"),
    ],
)
def test_other_files_are_refused(content, code, reason, client):
    answered, refusal = post(client, content)
    assert (answered, refusal["reason"]) == (code, reason) and set(refusal) == {"error", "reason"}


def test_a_refusal_that_is_not_waited_for_stands_in_the_job(client):
    code, job = post(client, b"no video", "name=x.mp4")
    assert code == 202
    job = follow(client, job)[-1]
    assert job["state"] == "failed" and job["error"]["reason"] == "not_a_video" and job["view"] is None
    assert client.get(job["report"]).json()["reason"] == "no_report"


def test_limits_of_files(open_client, clip, film, made, portrait):
    client, _ = open_client({"max_pixels": 300 * 300 - 1})
    assert post(client, clip)[1]["reason"] == post(client, made.encode(portrait))[1]["reason"] == "too_large"
    client, _ = open_client({"max_seconds": 1.0, "max_video_frames": 20, "max_frames": 8, "max_upload": 300_000})
    assert post(client, film("long.mp4", 3, fps=2).read_bytes()) == (
        413,
        {"error": "the file cannot be assessed: its 1.5 s are more than 1 s", "reason": "too_long"},
    )
    code, refusal = post(client, film("many.mp4", 21, fps=100).read_bytes())
    assert (code, refusal["reason"]) == (413, "too_long") and "21 frames" in refusal["error"]
    assert post(client, b"x" * 300_001)[1]["reason"] == "too_large"
    assert post(client, clip, "frames=9")[1]["error"] == "frames: must be at most 8"


def test_frames_may_not_be_more_than_the_limit_by_default(open_client, clip):
    client, _ = open_client({"max_frames": 8})
    code, job = post(client, clip)
    assert code == 200 and job["view"]["wanted"] == 8


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", "/v1/videos/none", 404, "unknown_job"),
        ("DELETE", "/v1/videos/none", 404, "unknown_job"),
        ("GET", "/v1/videos/none/report.html", 404, "unknown_job"),
        ("GET", "/v1/videos/none/frames/0.webp", 404, "unknown_job"),
        ("GET", "/v1/videos", 405, "not_allowed"),
        ("PUT", "/v1/videos/none", 405, "not_allowed"),
        ("GET", "/v1/videos/..%2f..%2fetc/passwd", 404, "unknown_job"),
    ],
)
def test_what_is_not_there(method, path, code, reason, client):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["reason"]) == (code, reason)


def test_pictures_that_are_not_there(client, judged):
    for path in ("frames/99.webp", "faces/0/99.webp", "heat/9/0.webp", "frames/../../x", "frames/0.webp/"):
        assert client.get(f"/v1/videos/{judged['id']}/{path}").status_code == 404


def test_nothing_new_begins_while_it_stops(open_client):
    client, state = open_client()
    state.stopping = True
    assert post(client, b"x")[1]["reason"] == "not_ready"


def test_with_a_token(open_client):
    client, _ = open_client(token="secret")
    answer = client.post("/v1/videos", content=b"x")
    assert (answer.status_code, answer.json()["reason"]) == (401, "no_token")
    assert client.get("/v1/model").status_code == 401


# --- cancelling, and the queue ------------------------------------------------------------------------------------
@pytest.fixture
def slow_score(made, monkeypatch):
    """Jobs wait for its `go` before they are scored."""
    held, score = made.Fake(go=False), score_faces

    def wait(predict, examples, progress=None):
        held.began.set()
        while not held.go.wait(0.01):
            progress("judging", 0, 1)
        return score(predict, examples, progress)

    monkeypatch.setattr(assessor, "score_faces", wait)
    yield held
    held.go.set()


def test_an_upload_that_is_removed_while_it_waits_is_to_be_sent_again(open_client, slow_score, made, portrait):
    (client, state), held = open_client(), slow_score
    picture = made.encode(portrait)
    first = client.post("/v1/videos", content=picture).json()
    assert held.began.wait(60)
    second = client.post("/v1/videos", content=picture).json()
    shutil.rmtree(state.videos.folder.path)
    third = client.post("/v1/videos", content=picture).json()
    held.go.set()
    lost = follow(client, second)[-1]
    assert lost["state"] == "failed" and lost["error"]["reason"] == "upload_lost"
    assert "send it again" in lost["error"]["error"] and state.videos.folder.path not in lost["error"]["error"]
    assert follow(client, first)[-1]["state"] == follow(client, third)[-1]["state"] == "done"


def test_jobs_wait_are_cancelled_and_a_full_queue_refuses(open_client, slow_score, made, portrait):
    (client, state), held = open_client({"jobs": 2}), slow_score
    picture = made.encode(portrait)
    first = client.post("/v1/videos", content=picture).json()
    assert held.began.wait(60)
    second, third = (client.post("/v1/videos", content=picture).json() for _ in range(2))
    assert [client.get(f"/v1/videos/{job['id']}").json()["ahead"] for job in (first, second, third)] == [0, 1, 2]
    full = client.post("/v1/videos", content=picture)
    assert full.status_code == 429 and full.json()["reason"] == "queue_full" and int(full.headers["retry-after"]) >= 1
    assert len(os.listdir(state.videos.folder.path)) == 2, "the first one's is deleted already"
    metrics = client.get("/metrics").text
    assert "deepfake_videos_waiting 2.0" in metrics and "deepfake_videos_running 1.0" in metrics
    for job in (first, second):
        assert client.delete(f"/v1/videos/{job['id']}").json()["state"] == "cancelled"
    held.go.set()
    assert follow(client, first)[-1]["state"] == follow(client, second)[-1]["state"] == "cancelled"
    assert follow(client, third)[-1]["state"] == "done" and os.listdir(state.videos.folder.path) == []
    assert client.delete(f"/v1/videos/{third['id']}").status_code == 204
    assert client.get(f"/v1/videos/{third['id']}").status_code == 404
    metrics = client.get("/metrics").text
    assert 'deepfake_videos_total{outcome="cancelled"} 2.0' in metrics
    assert 'deepfake_videos_total{outcome="done"} 1.0' in metrics
    assert 'deepfake_video_stage_seconds_count{stage="finding_faces"} 2.0' in metrics


def test_a_full_disk(client, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upload_body.UploadFile, "write", full)
    code, refusal = post(client, b"x")
    assert (code, refusal["reason"]) == (507, "disk_full")


# --- the model ----------------------------------------------------------------------------------------------------
def test_the_model_is_described(calibrated, open_client):
    client, _ = open_client({"max_frames": 48}, folder=calibrated)
    about = client.get("/v1/model").json()
    assert (about["name"], about["version"], about["calibrated"], about["card"]) == ("models", 4, True, GOOD)
    assert about["digest"] == ServedModel(str(calibrated)).digest
    assert about["limits"]["max_frames"] == about["parameters"]["frames"]["maximum"] == 48
    assert about["parameters"]["frames"]["default"] == 32 and "decode_time_limit" not in about["parameters"]
