"""Files as users have them: what is right of each, by the command, by the server and through extraction."""

import base64
import functools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from starlette.testclient import TestClient

from artifacts.face_examples import find_files, parse, read_records
from artifacts.manifest import Video, write_manifest
from artifacts.rejects import read_rejects
from components.base import Context
from components.face_example_gen.component import COMPONENT, FaceExampleGenParameters
from faces.source import open_source
from serving import predict
from serving.default_model import SHIPPED
from serving.server.app import create_app
from serving.server.server_options import ServerOptions

pytestmark = pytest.mark.slow  # it judges fifteen files in three ways

FIELD = Path(__file__).parents[2].parent / "shared" / "field"
WAYS = ("command", "server", "extraction")
FRAMES = 12  # that are examined
CROPS = ("crop_up.jpg", "crop_exif6.jpg")
BEAM = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")

# File -> what is right: width, height, frames, the frames that have a face, the notes.
WHOLE = range(1000)
RIGHT = {
    "base.mp4": (320, 240, 60, WHOLE, set()),
    "joined.mpg": (320, 240, 100, range(50, 100), {"discontinuous"}),
    "sar2.mp4": (320, 240, 40, WHOLE, set()),
    "sar2_square.mp4": (320, 240, 40, WHOLE, set()),
    "paff_field.ts": (240, 224, 30, WHOLE, {"interlaced"}),
    "hflip.mp4": (320, 240, 60, WHOLE, set()),
    "two.mp4": (320, 240, 60, WHOLE, {"other_streams"}),
    "trim.mp4": (320, 240, 60, WHOLE, set()),
    "raw.h264": (320, 240, 60, WHOLE, {"no_time_stamps"}),
    "h264_b.avi": (320, 240, 60, WHOLE, set()),
    "o6.avif": (512, 512, 1, WHOLE, set()),
}
FIRST = {"trim.mp4": 40}  # the number that the first frame shows, of a film that was trimmed
NO_CODE = ("joined.mpg", "o6.avif", "paff_field.ts")  # or one that begins anew, or of a moment between


@pytest.fixture(scope="module")
def field():
    if not FIELD.is_dir():
        pytest.skip("needs the files of ../shared/field")
    return FIELD


def _seen(info, rows, notes, reason=None):
    """What a way says of a file; `rows` are (frame, box) of its faces."""
    size = (info.get("width"), info.get("height"), info.get("frames"))
    return SimpleNamespace(size=size, rows=sorted(rows), notes=set(notes) - {"smaller_faces"}, reason=reason)


def _of_verdict(verdict):
    rows = [(frame["index"], tuple(frame["box"])) for face in verdict["faces"] for frame in face["frames"]]
    return _seen(verdict["info"] or {}, rows, verdict["notes"], verdict["reason"])


@pytest.fixture(scope="module")
def by_command(field, tmp_path_factory):
    target = tmp_path_factory.mktemp("command") / "verdicts.json"
    paths = [str(path) for path in sorted(field.iterdir()) if path.suffix != ".md" and path.name not in CROPS]
    line = [*paths, f"--model={SHIPPED}", f"--frames={FRAMES}", "--min_face=20", "--quiet", f"--json={target}"]
    assert predict.main(line) in (0, 1, 3)
    verdicts = json.loads(target.read_text())["files"]
    assert len(verdicts) == len(paths)
    return {Path(verdict["file"]).name: verdict for verdict in verdicts}


@pytest.fixture(scope="module")
def client(field):
    with TestClient(create_app(ServerOptions(model=str(SHIPPED)))) as client:
        yield client


@pytest.fixture(scope="module")
def by_extraction(field, tmp_path_factory):
    root = tmp_path_factory.mktemp("extraction")
    folders = {name: str(root / name) for name in ("videos", "examples", "rejects")}
    for name in ("examples", "rejects"):
        (root / name).mkdir()
    videos = [
        Video(f"d/real/{name}", str(field / name), "d", "real", 0, "test", kind=_listed_as(name))
        for name in (*RIGHT, "tiles.heic")
    ]
    write_manifest(folders["videos"], videos)
    outputs = {name: folders[name] for name in ("examples", "rejects")}
    parameters = FaceExampleGenParameters(frames=FRAMES, shards=1)
    COMPONENT.execute(Context({"videos": folders["videos"]}, outputs, parameters, BEAM))
    found = {Path(video.uri).name: ([], {}) for video in videos}
    for path in find_files(folders["examples"], "test"):
        for record in read_records(path):
            row = parse(record)
            name = row["video_id"].numpy().decode().rsplit("/", 1)[-1]
            found[name][0].append((int(row["frame/index"]), tuple(row["face/box"].numpy().tolist())))
    for reject in read_rejects(folders["rejects"]):
        if reject.scope != "frame":
            found[Path(reject.uri).name][1][reject.reason] = reject.scope
    return found


def _listed_as(name):
    return "image" if name.endswith((".avif", ".heic")) else "video"


@pytest.fixture(scope="module")
def answers(field, by_command, by_extraction, client):
    """answers(way, name) -> what that way says."""

    @functools.cache
    def ask(way, name):
        if way == "command":
            return _of_verdict(by_command[name])
        if way == "server":
            body = (field / name).read_bytes()
            answer = client.post(f"/v1/videos?wait=60&name={name}&frames={FRAMES}&min_face=20", content=body).json()
            return _of_verdict(answer["view"]) if "view" in answer else _seen({}, [], {}, answer["reason"])
        rows, rejects = by_extraction[name]
        notes = {reason for reason, scope in rejects.items() if scope != "video"}
        reason = next((reason for reason, scope in rejects.items() if scope == "video"), None)
        return _seen(_info(field / name) if reason is None else {}, rows, notes, reason)

    return ask


def _info(path):
    """What the decoder says of a file; extraction does not pass it on."""
    source = open_source(str(path), "auto", 1)
    list(source.pictures())
    return source.info


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", RIGHT)
def test_each_file_is_judged_as_what_it_is(name, way, answers):
    width, height, frames, with_face, notes = RIGHT[name]
    seen = answers(way, name)
    assert seen.size == (width, height, frames) and seen.reason != "no_face"
    assert seen.rows and {index for index, _ in seen.rows} <= set(with_face)
    if with_face is WHOLE:
        assert len(seen.rows) == min(FRAMES, frames)
    assert seen.notes == notes


@pytest.mark.parametrize("way", WAYS)
def test_a_heic_is_refused_by_name(way, answers):
    assert answers(way, "tiles.heic").reason == "heic_picture"


@pytest.mark.parametrize("way", WAYS)
def test_a_mirrored_film_is_mirrored_and_upright(way, answers):
    base, mirrored = answers(way, "base.mp4").rows, answers(way, "hflip.mp4").rows
    for (index, (left, top, width, height)), (other, box) in zip(base, mirrored, strict=True):
        assert index == other and box == pytest.approx((320 - left - width, top, width, height), abs=6)


@pytest.mark.parametrize("way", WAYS)
def test_a_squeezed_film_is_the_film_with_square_pixels(way, answers):
    for (_, box), (_, square) in zip(answers(way, "sar2.mp4").rows, answers(way, "sar2_square.mp4").rows, strict=True):
        assert box == pytest.approx(square, abs=5)


def test_a_squeezed_film_has_one_verdict(by_command):
    squeezed, square = by_command["sar2.mp4"], by_command["sar2_square.mp4"]
    assert squeezed["verdict"] == square["verdict"] and abs(squeezed["logit"] - square["logit"]) < 1


@pytest.mark.parametrize("name", [name for name in RIGHT if name not in NO_CODE])
def test_every_frame_shows_the_number_that_it_has(name, field):
    """The bar code of a film: ten squares of 12 pixels, the lowest bit first."""
    source = open_source(str(field / name), "auto", 1000)
    numbers = []
    for picture in source.pictures():
        code = picture.image[:12, ::-1][:, :120] if name == "hflip.mp4" else picture.image[:12, :120]
        bits = code.reshape(12, 10, 12, 3)[3:9, :, 3:9].mean(axis=(0, 2, 3)) > 128
        numbers.append((picture.number, int(bits @ (1 << np.arange(10)))))
    assert numbers == [(k, FIRST.get(name, 0) + k) for k in range(RIGHT[name][2])] and source.damage is None


def test_a_crop_has_one_logit_however_it_lies_and_goes(field, client, tmp_path):
    paths = [str(field / name) for name in CROPS]
    line = [*paths, f"--model={SHIPPED}", "--kind=crop", "--min_face=20", "--quiet", f"--json={tmp_path / 'a.json'}"]
    assert predict.main(line) in (0, 1, 3)
    by_command = [
        verdict["faces"][0]["frames"][0]["logit"] for verdict in json.loads((tmp_path / "a.json").read_text())["files"]
    ]
    instances = [{"b64": base64.b64encode((field / name).read_bytes()).decode()} for name in CROPS]
    answer = client.post("/v1/models/deepfake:predict", json={"instances": instances}).json()
    by_server = [row["logit"] for row in answer["predictions"]]
    uploaded = [
        client.post("/v1/videos?wait=60&kind=crop&min_face=20", content=(field / name).read_bytes()).json()["view"]
        for name in CROPS
    ]
    by_upload = [view["faces"][0]["frames"][0]["logit"] for view in uploaded]
    assert by_command == pytest.approx([by_command[0]] * 2, abs=0.1)  # two JPEGs, of which one was turned before
    assert by_server == pytest.approx(by_command, abs=1e-4) and by_upload == pytest.approx(by_command, abs=1e-4)
