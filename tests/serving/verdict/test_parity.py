"""One clip's verdict by the command and by the way that training and evaluation take: the same figures."""

import json

import cv2
import keras
import numpy as np
import pytest
from skimage.data import astronaut

from artifacts import face_examples, predictions
from artifacts.manifest import Video, write_manifest
from components.base import Context
from components.evaluator import inference as evaluator_predict
from components.face_example_gen.component import COMPONENT, FaceExampleGenParameters
from evaluation.video_scores import videos_of
from model.detector import DeepfakeDetector
from model.exporting import export_saved_model
from model.recipes import Recipe
from model.saved_model import read_calibration, write_calibration
from serving import predict

pytestmark = pytest.mark.slow  # it exports a model

BEAM = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
TEMPERATURES = {"frame": 1.7, "video": 0.6, "spread": 0.5, "reason": None}
FRAMES = 12


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """A `model` artifact: a small network with random weights, and temperatures that are not 1."""
    keras.utils.set_random_seed(4)
    recipe = {"name": "small", "backbone": "resnet10", "image_size": 64, "embedding_size": 8}
    detector = DeepfakeDetector(Recipe.model_validate(recipe))
    detector(np.zeros((1, 256, 256, 3), np.uint8), training=False)
    detector.center.assign(np.linspace(-1, 2, 8))
    detector.temperature.assign(TEMPERATURES["frame"])
    folder = tmp_path_factory.mktemp("model")
    export_saved_model(detector, folder / "Format-Serving")
    write_calibration(TEMPERATURES, str(folder))
    return folder


@pytest.fixture(scope="module")
def clip(made, tmp_path_factory):
    """Somebody who moves, and whom the light changes: 40 frames of 240x200."""
    photo = cv2.resize(astronaut()[:320, 60:360], (150, 160), interpolation=cv2.INTER_AREA)
    images = []
    for k in range(40):
        image = np.full((200, 240, 3), 90, np.uint8)
        x, y = 45 + round(30 * np.sin(0.2 * k)), 20 + round(15 * np.cos(0.3 * k))
        image[y : y + 160, x : x + 150] = (photo * (0.8 + 0.2 * np.cos(0.1 * k))).astype(np.uint8)
        images.append(image)
    return made.write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", images)


@pytest.fixture(scope="module")
def evaluated(model_dir, clip, tmp_path_factory):
    """evaluated(faces) -> (the clip's row of `videos_of`, its prediction rows) after extraction and prediction."""

    def evaluate(faces):
        root = tmp_path_factory.mktemp(faces)
        folders = {name: str(root / name) for name in ("videos", "examples", "rejects", "predictions")}
        for name in ("examples", "rejects", "predictions"):
            (root / name).mkdir()
        write_manifest(folders["videos"], [Video("d/real/clip", clip, "d", "real", 0, "test")])
        outputs = {name: folders[name] for name in ("examples", "rejects")}
        parameters = FaceExampleGenParameters(frames=FRAMES, shards=1, faces=faces)
        COMPONENT.execute(Context({"videos": folders["videos"]}, outputs, parameters, BEAM))
        files = face_examples.find_files(folders["examples"], "test")
        evaluator_predict.write_predictions(files, "test", str(model_dir), folders["predictions"], BEAM)
        columns = predictions.read_predictions(folders["predictions"], "test")
        fitted = read_calibration(str(model_dir / "Format-Serving"))
        return videos_of(columns, "mean_logit", fitted), columns

    return evaluate


@pytest.mark.parametrize("faces", ["main", "all"])
def test_the_command_and_the_evaluator_say_the_same(faces, evaluated, model_dir, clip, tmp_path):
    videos, rows = evaluated(faces)
    target = tmp_path / "verdict.json"
    code = predict.main(
        [
            clip,
            f"--model={model_dir / 'Format-Serving'}",
            f"--frames={FRAMES}",
            f"--faces={faces}",
            "--quiet",
            f"--json={target}",
        ]
    )
    (verdict,) = json.loads(target.read_text())["files"]
    assert code in (0, 1, 3) and verdict["judged"] == FRAMES and len(verdict["faces"]) == 1
    for name in ("logit", "fake_probability", "center_similarity"):
        assert verdict[name] == pytest.approx(videos[name][0], abs=1e-6)
        frames = [frame[name] for frame in verdict["faces"][0]["frames"]]
        assert frames == pytest.approx(rows[name][np.argsort(rows["frame_index"])], abs=1e-6)
    assert np.ptp([frame["logit"] for frame in verdict["faces"][0]["frames"]]) > 1e-3  # they do differ
    logit = float(np.mean(rows["logit"]))
    assert verdict["fake_probability"] == pytest.approx(1 / (1 + np.exp(-logit / TEMPERATURES["video"])), abs=1e-6)
