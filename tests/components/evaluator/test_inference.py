import keras
import numpy as np
import pytest
import tensorflow as tf

from artifacts import crop_decoding, face_examples, predictions
from artifacts.errors import InputError
from components.beam import pipeline_options
from components.evaluator import inference
from model.detector import DeepfakeDetector
from model.exporting import export_saved_model
from model.recipes import Recipe
from model.saved_model import find_saved_model

pytestmark = pytest.mark.slow  # it exports a model, and starts processes

IN_MEMORY = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
ONE_PROCESS = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=1")
TWO_PROCESSES = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2")


@pytest.fixture(scope="module")
def files(made, tmp_path_factory):
    """Two TFRecord files: 13 faces of a real and two fakes, dark and bright."""
    faces = [made.face(40 + 12 * k, k // 3, k, method=("real", "df", "nt")[k % 3]) for k in range(13)]
    folder = made.write_examples(tmp_path_factory.mktemp("examples"), faces)
    return face_examples.find_files(str(folder), "test")


@pytest.fixture
def write(files, model_dir, tmp_path):
    """write(...) runs `write_predictions` into tmp_path / "out" and returns how many rows there are."""
    out = tmp_path / "out"
    out.mkdir()

    def run(files=files, split="test", model=model_dir, beam_args=IN_MEMORY, batch_size=4):
        return inference.write_predictions(list(files), split, str(model), str(out), beam_args, batch_size)

    run.out = out
    return run


def tree(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_face_has_its_row(write, files):
    assert write() == 13
    found = predictions.read_predictions(str(write.out), "test")
    row = 0
    for path in files:
        for record in face_examples.read_records(path):
            example = face_examples.parse(record)
            for name in ("video_id", "dataset", "method"):
                assert found[name][row].as_py() == example[name].numpy().decode()
            assert found["label"][row] == example["label"] and found["track"][row] == example["face/track"]
            assert found["frame_index"][row] == example["frame/index"]
            logit = (crop_decoding.decode_image(example["image/encoded"]).numpy().mean(dtype=np.float64) - 128) / 10
            assert found["logit"][row] == pytest.approx(logit, abs=1e-4)
            assert found["fake_probability"][row] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)
            assert found["center_similarity"][row] == pytest.approx(np.tanh(-logit), abs=1e-5)
            row += 1
    assert row == 13


def test_the_offset_leads_to_the_record(write, files):
    write()
    records = [record for path in files for record in face_examples.read_records(path)]
    number, offset = predictions.locate(str(write.out), "test", range(13))
    assert [face_examples.read_record(files[k], at) for k, at in zip(number, offset, strict=True)] == records


@pytest.fixture(scope="module")
def network_dir(tmp_path_factory, tiny_resnet):
    """A `model` artifact with a small residual network."""
    keras.utils.set_random_seed(1)
    recipe = {"name": "small", "backbone": "resnet10", "image_size": 32, "embedding_size": 8}
    detector = DeepfakeDetector(Recipe.model_validate(recipe))
    detector(np.zeros((1, 256, 256, 3), np.uint8), training=False)
    folder = tmp_path_factory.mktemp("network")
    export_saved_model(detector, folder / "Format-Serving")
    return folder


def test_one_and_two_processes_write_the_same_bytes(write, network_dir):
    write(model=network_dir)
    one = tree(write.out)
    for path in write.out.iterdir():
        path.unlink()
    write(model=network_dir, beam_args=TWO_PROCESSES)
    assert tree(write.out) == one and len(one) == 2


@pytest.mark.parametrize("workers, threads", [(1, 8), (2, 4), (3, 2), (8, 1), (9, 1), (0, 1)])
def test_processes_share_the_cores(workers, threads, monkeypatch):
    monkeypatch.setattr(inference.os, "sched_getaffinity", lambda process: range(8))
    monkeypatch.setattr(inference.os, "cpu_count", lambda: 8)  # which Beam takes for 0 workers
    options = pipeline_options((*ONE_PROCESS[:2], f"--direct_num_workers={workers}"))
    assert inference.threads_per_process(options) == threads
    assert inference.threads_per_process(pipeline_options(IN_MEMORY)) is None


def test_finished_files_are_kept(write):
    write()
    before = {path: path.stat().st_mtime_ns for path in write.out.iterdir()}
    gone = write.out / predictions.file_name("test", 1, 2)
    content = gone.read_bytes()
    gone.unlink()
    assert write() == 13
    kept = write.out / predictions.file_name("test", 0, 2)
    assert kept.stat().st_mtime_ns == before[kept] and gone.read_bytes() == content


def test_predictions_of_another_model_are_made_anew(write, network_dir):
    write(model=network_dir)
    write()
    of_tiny = predictions.read_predictions(str(write.out), "test")
    assert of_tiny["logit"][0] == pytest.approx((40 - 128) / 10, abs=1e-4)


def test_other_files_of_the_split_give_way_and_other_splits_stay(write, files):
    write(split="val")
    write()
    assert write(files=files[:1]) == 7
    names = {path.name for path in write.out.iterdir()}
    assert names == {"predictions-test-00000-of-00001.parquet"} | {predictions.file_name("val", k, 2) for k in (0, 1)}


def test_what_a_killed_worker_left_is_removed(write):
    left = write.out / f".{predictions.file_name('test', 0, 2).removesuffix('.parquet')}.partial-7.parquet"
    left.touch()
    (write.out / "other").touch()
    assert write() == 13
    assert not left.exists() and (write.out / "other").exists()


def test_other_examples_under_the_same_name_are_predicted_anew(write, made, tmp_path):
    path = tmp_path / "faces.tfrecord"
    for grey in (100, 200):
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(made.face(grey, "0").serialize())
        write(files=[str(path)])
        logit = predictions.read_predictions(str(write.out), "test")["logit"]
        assert logit == pytest.approx([(grey - 128) / 10], abs=1e-4)


def test_an_attempt_that_was_not_reported_is_not_repeated(write, files, model_dir):
    write()
    target = write.out / predictions.file_name("test", 0, 2)
    origin = inference.origin(files[0], inference.digest(find_saved_model(str(model_dir))))
    before = target.stat().st_mtime_ns
    inference.predict_file(inference.Job(files[0], str(target), origin), str(model_dir), 4)
    assert target.stat().st_mtime_ns == before


@pytest.mark.parametrize("size", [1, 100])
def test_the_batch_size_does_not_matter(size, write):
    write()
    expected = predictions.read_predictions(str(write.out), "test")
    for path in write.out.iterdir():
        path.unlink()
    write(batch_size=size)
    found = predictions.read_predictions(str(write.out), "test")
    for name in predictions.COLUMNS:
        if name in inference.OUTPUTS:
            assert found[name] == pytest.approx(expected[name], abs=1e-5)
        else:
            assert found[name].tolist() == expected[name].tolist()


def test_progress_adds_up(write, files, tmp_path, capsys):
    write()
    shown = capsys.readouterr().err
    assert "predicting: 100%" in shown and "faces=13" in shown
    targets = [str(write.out / predictions.file_name("test", k, 2)) for k in (0, 1)]
    sizes = dict(zip(targets, (1000, 2000), strict=True))
    assert inference._count(sizes) == (3000, {"faces": 13})
    (write.out / predictions.file_name("test", 1, 2)).unlink()
    assert inference._count(sizes) == (1000, {"faces": 7})
    inference._note(targets[1], 500, 3)
    assert inference._count(sizes) == (1500, {"faces": 10})
    (write.out / f"{predictions.file_name('test', 1, 2)}.progress").write_text("[5")
    assert inference._count(sizes) == (1000, {"faces": 7})


def test_no_model(write, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no SavedModel"):
        write(model=tmp_path / "empty")


def test_a_model_without_the_signature(write, tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "bare" / "Format-Serving"))
    with pytest.raises(InputError, match="no signature 'crops'"):
        write(model=tmp_path / "bare")


@pytest.fixture
def cut(made, tmp_path):
    """Two TFRecord files of three faces, the second one without its end."""
    files = face_examples.find_files(
        str(made.write_examples(tmp_path / "cut", [made.face(9, k) for k in range(6)])), "test"
    )
    with open(files[1], "rb+") as stream:
        stream.truncate(stream.seek(-20, 2))
    return files


@pytest.mark.parametrize("beam_args", [IN_MEMORY, ONE_PROCESS], ids=["here", "elsewhere"])
def test_a_cut_file_is_named_and_the_whole_one_kept(beam_args, write, cut):
    with pytest.raises(InputError) as raised:
        write(files=cut, beam_args=beam_args)
    assert str(raised.value).startswith(f"{cut[1]}: damaged or cut after 2 records")
    assert str(raised.value).endswith("or copy the file anew")
    assert {path.name for path in write.out.iterdir()} <= {predictions.file_name("test", 0, 2)}


@pytest.mark.parametrize("files", [[], ["hollow"]])
def test_an_empty_split(files, write, tmp_path):
    files = [str(tmp_path / name) for name in files]
    for path in files:
        tf.io.TFRecordWriter(path).close()
    with pytest.raises(InputError, match="the val split holds no face"):
        write(files=files, split="val")


class Diverged(tf.Module):
    """Gives NaN for bright faces."""

    @tf.function(input_signature=[tf.TensorSpec([None, 256, 256, 3], tf.uint8, name="crops")])
    def crops(self, crops):
        mean = tf.reduce_mean(tf.cast(crops, tf.float32), axis=[1, 2, 3])
        zero = tf.zeros_like(mean)
        return {"logit": tf.where(mean > 150, np.nan, mean), "center_similarity": zero, "fake_probability": zero}


def test_a_model_that_gives_nan(write, tmp_path):
    module = Diverged()
    tf.saved_model.save(module, str(tmp_path / "nan" / "Format-Serving"), signatures={"crops": module.crops})
    with pytest.raises(InputError, match=r"\.tfrecord: the model's logit is nan for d/df/3, frame 10: .*learning_rate"):
        write(model=tmp_path / "nan")
    assert list(write.out.iterdir()) == []


def test_a_full_disk_is_told(write, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predictions.pyarrow.parquet, "ParquetWriter", full)
    with pytest.raises(
        InputError, match=r"test-0000\d-of-00002\.parquet: cannot be written \(No space left on device\)"
    ):
        write()


def test_other_errors_stay_what_they_are(write, monkeypatch):
    monkeypatch.setattr(inference, "score_file", lambda *arguments: 1 / 0)
    with pytest.raises(Exception, match="division by zero") as raised:
        write()
    assert not isinstance(raised.value, InputError)
