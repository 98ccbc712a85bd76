"""`python -m model.convert`: published weights become a model like ours; what cannot be is said before."""

import json

import numpy as np
import pytest

from model import convert


@pytest.fixture
def run(capsys):
    """run(*arguments) -> (exit code, standard output, standard error)."""

    def run(*arguments):
        code = convert.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def test_what_is_missing_is_said(run, tmp_path):
    (tmp_path / "a.h5").write_bytes(b"nothing of the kind")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    out = f"--out={tmp_path / 'out'}"
    for arguments, words in (
        (("absent.h5", "--as=meso4", out), "FILE absent.h5: no such file"),
        ((tmp_path / "a.h5", "--as=capsule_v1", out), "give --vgg FILE"),
        ((tmp_path / "a.h5", "--as=meso4", out, f"--vgg={tmp_path / 'a.h5'}"), "meso4 has no VGG19: leave it out"),
        ((tmp_path / "a.h5", "--as=meso4", f"--out={tmp_path / 'full'}"), "is not empty. Give a new folder"),
    ):
        code, said, error = run(*arguments)
        assert code == 2 and said == "" and words in error, arguments
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_file_of_another_kind_leaves_nothing(run, tmp_path):
    (tmp_path / "a.h5").write_bytes(b"nothing of the kind")
    code, _, error = run(tmp_path / "a.h5", "--as=meso4", f"--out={tmp_path / 'out'}")
    assert code == 2 and "a.h5: not a whole HDF5 file" in error and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_mesonet_becomes_a_model(run, published, tmp_path):
    import cv2

    from model import saved_model
    from model.served import ServedModel

    out = tmp_path / "meso"
    code, said, error = run(published("mesonet", "Meso4_DF.h5"), "--as=meso4", f"--out={out}")
    assert code == 0 and f"python -m serving.predict CLIP --model {out}" in said, error
    folder = saved_model.find_saved_model(out)
    card = saved_model.read_card(folder)
    assert card["origin"].startswith("Afchar") and "Meso4_DF.h5, SHA-256 " in card["origin"]
    preprocessing = saved_model.read_preprocessing(folder)
    assert (preprocessing.crop_margin, preprocessing.crop_lift) == (1.04, 0.14)
    assert preprocessing.video_rule == "mean_probability"
    assert saved_model.why_not_calibrated(saved_model.read_calibration(folder), "mean_probability") == (
        "its authors published no calibration"
    )
    assert json.loads((out / "recipe.json").read_text())["backbone"] == "meso4"
    fake, real = (cv2.imread(str(published("mesonet", name))) for name in ("df00204.jpg", "real00240.jpg"))
    crops = np.stack([cv2.resize(picture[..., ::-1], (256, 256)) for picture in (fake, real)])
    logit = ServedModel(folder).predict(crops)["logit"]
    assert logit[0] > 2 and logit[1] < -2
