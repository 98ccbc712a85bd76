import numpy as np
import pytest

from artifacts import crop_decoding, face_examples, predictions
from artifacts.errors import InputError
from components.evaluator.inference import write_predictions
from evaluation import crops

pytestmark = pytest.mark.slow  # it predicts with a model


@pytest.fixture(scope="module")
def written(made, model_dir, tmp_path_factory):
    """(files, folder, records): eleven faces in two files, and their predictions."""
    greys = [made.face(20 * k, k // 2, k, method=("real", "df")[k // 2 % 2]) for k in range(11)]
    files = face_examples.find_files(str(made.write_examples(tmp_path_factory.mktemp("examples"), greys)), "test")
    folder = str(tmp_path_factory.mktemp("predictions"))
    write_predictions(files, "test", str(model_dir), folder, ["--runner=FnApiRunner"], 4)
    return files, folder, [face_examples.parse(record) for path in files for record in face_examples.read_records(path)]


@pytest.mark.parametrize("rows", [[], [0], [2, 5, 6, 10], list(range(11))])
def test_crops_are_those_of_the_rows(rows, written):
    files, folder, records = written
    found = crops.read_crops(files, folder, "test", rows)
    assert found.shape == (len(rows), 256, 256, 3) and found.dtype == np.uint8
    for crop, row in zip(found, rows, strict=True):
        assert np.array_equal(crop, crop_decoding.decode_image(records[row]["image/encoded"]))


@pytest.mark.parametrize("batch_size", [2, 50])
def test_embeddings_are_the_models(batch_size, written, model_dir):
    files, folder, _ = written
    logit = predictions.read_predictions(folder, "test")["logit"][[0, 3, 8]]
    found, thumbnails = crops.embeddings(files, folder, "test", [0, 3, 8], str(model_dir), batch_size)
    assert found == pytest.approx(np.stack([logit, -logit], axis=1), abs=1e-5)  # as `Tiny` makes them
    pixels = crops.read_crops(files, folder, "test", [0, 3, 8])
    assert thumbnails.shape == (3, 64, 64, 3) and thumbnails.dtype == np.uint8
    assert (thumbnails == pixels[:, ::4, ::4]).all()


def test_predictions_of_other_files_are_refused(written, made, tmp_path):
    files, folder, _ = written
    with pytest.raises(InputError, match=r"predictions-test-0000\d-of-00002.parquet: was not made from"):
        crops.read_crops(files[::-1], folder, "test", [0])
    with pytest.raises(InputError, match="was not made from"):
        crops.read_crops(files[:1], folder, "test", [0])
