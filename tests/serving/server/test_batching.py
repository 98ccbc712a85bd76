"""Requests share forward passes, each gets its own rows, and none waits for ever."""

import threading
import time

import numpy as np
import pytest

from model.detector import DeepfakeDetector
from model.recipes import get_recipe
from model.served import SERVED
from serving.server import batching
from serving.server.batching import VIDEOS, Batcher, NotFinite, QueueFull

WAIT = 60.0


@pytest.fixture
def batcher():
    """batcher(max_batch, max_waiting) makes one that the test's end closes."""
    made = []

    def make(max_batch=4, max_waiting=100, **options):
        made.append(Batcher(max_batch, max_waiting, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def held(made, batcher):
    """A model in the middle of a pass, so that what comes next waits."""
    model = made.Fake(go=False)
    first = batcher.submit(model, made.grey(200))
    assert model.began.wait(WAIT)
    return model, first


def test_what_waits_shares_a_pass_and_gets_its_own_rows(made, batcher):
    queue = batcher(max_batch=4)
    model, first = held(made, queue)
    works = [queue.submit(model, made.grey(*values)) for values in ((1,), (2, 3), (4, 5, 6))]
    assert queue.waiting == {"clients": 6, "videos": 0}
    model.go.set()
    assert [work.future.result(WAIT)["logit"].tolist() for work in works] == [[1], [2, 3], [4, 5, 6]]
    assert first.future.result(WAIT)["embedding"].tolist() == [[200, -200]]
    assert works[2].future.result()["embedding"].tolist() == [[4, -4], [5, -5], [6, -6]]
    assert model.batches == [[200], [1, 2, 3, 4], [5, 6]]
    assert queue.waiting == {"clients": 0, "videos": 0}


def test_nobody_waits_for_company(made, batcher):
    queue, model = batcher(max_batch=32), made.Fake()
    for value in (1, 2, 3):
        assert queue.submit(model, made.grey(value)).future.result(WAIT)["logit"].tolist() == [value]
    assert model.batches == [[1], [2], [3]]


def three_at_once(made, queue):
    """A model that has scored the faces of three clients in one slow pass."""
    model, _ = held(made, queue)
    works = [queue.submit(model, made.grey(value)) for value in (1, 2, 3)]
    model.go.set()
    assert [work.future.result(WAIT)["logit"].tolist() for work in works] == [[1], [2], [3]]
    assert model.batches == [[200], [1, 2, 3]]
    return model


def test_those_who_were_answered_together_come_again_together(made, batcher, monkeypatch):
    """The first of them does not go alone, and the last one is not waited for any longer."""
    monkeypatch.setattr(batching, "MAX_GATHER", 10 * WAIT)
    monkeypatch.setattr(batching, "GATHER", 1e9)
    queue = batcher(max_batch=32)
    model = three_at_once(made, queue)
    works = [queue.submit(model, made.grey(value)) for value in (4, 5)]
    assert model.batches == [[200], [1, 2, 3]] and queue.waiting["clients"] == 2
    works.append(queue.submit(model, made.grey(6)))
    assert [work.future.result(WAIT)["logit"].tolist() for work in works] == [[4], [5], [6]]
    assert model.batches[2:] == [[4, 5, 6]]


def test_whoever_does_not_come_again_is_waited_for_a_moment_only(made, batcher, monkeypatch):
    monkeypatch.setattr(batching, "MAX_GATHER", 0.01)
    queue = batcher(max_batch=32)
    model = three_at_once(made, queue)
    assert queue.submit(model, made.grey(4)).future.result(WAIT)["logit"].tolist() == [4]
    assert queue.submit(model, made.grey(5)).future.result(WAIT)["logit"].tolist() == [5]
    assert model.batches[2:] == [[4], [5]]


def test_a_batcher_that_gathers_can_be_closed(made, monkeypatch):
    monkeypatch.setattr(batching, "MAX_GATHER", 10 * WAIT)
    monkeypatch.setattr(batching, "GATHER", 1e9)
    queue = Batcher(32, 100)
    model = three_at_once(made, queue)
    work = queue.submit(model, made.grey(4))
    queue.close()
    assert work.future.result(0)["logit"].tolist() == [4]


def test_a_batch_is_of_one_model_and_of_one_kind(made, batcher):
    queue = batcher(max_batch=8)
    old, _ = held(made, queue)
    new = made.Fake(shift=1000)
    works = [queue.submit(model, made.grey(value)) for value, model in ((1, old), (2, new), (3, new), (4, old))]
    maps = queue.submit(old, made.grey(51), "heat_maps")
    old.go.set()
    assert [work.future.result(WAIT)["logit"].tolist() for work in works] == [[1], [1002], [1003], [4]]
    assert maps.future.result(WAIT)["heat_map"].shape == (1, 256, 256)
    assert new.batches == [[1002, 1003]]
    assert old.batches == [[200], [1], [4], [("map", 51)]]


def test_a_full_queue_refuses_and_says_when_to_come_again(made, batcher):
    queue = batcher(max_batch=4, max_waiting=3)
    model, _ = held(made, queue)
    queue.submit(model, made.grey(1, 2))
    assert not queue.full
    with pytest.raises(QueueFull) as refused:
        queue.submit(model, made.grey(3, 4))
    assert refused.value.seconds > 0
    queue.submit(model, made.grey(3))
    assert queue.full
    model.go.set()


def test_videos_and_clients_share_the_passes(made, batcher):
    queue = batcher(max_batch=4, max_waiting=100)
    model, _ = held(made, queue)
    clients = [queue.submit(model, made.grey(value)) for value in range(1, 9)]
    videos = [queue.submit(model, made.grey(*range(at, at + 4)), lane=VIDEOS) for at in (100, 104)]
    model.go.set()
    for work in clients + videos:
        work.future.result(WAIT)
    for batch in model.batches[1:5]:
        assert sum(value >= 100 for value in batch) == 2, model.batches
    assert [work.future.result()["logit"].tolist() for work in videos] == [[100, 101, 102, 103], [104, 105, 106, 107]]


def test_a_video_waits_for_its_faces_however_many(made, batcher):
    queue, model = batcher(max_batch=4, max_waiting=4), made.Fake()
    answer = queue.score(model, made.grey(*range(11)))
    assert answer["logit"].tolist() == list(range(11))
    assert answer["embedding"].shape == (11, 2)
    assert max(map(len, model.batches)) <= 4
    assert queue.heat_maps(model, made.grey(0, 51, 255))[:, 0, 0].tolist() == pytest.approx([0, 0.2, 1])
    assert queue.score(model, made.grey())["logit"].shape == (0,)


def test_an_old_export_has_no_heat_maps(made, batcher):
    model = made.Fake()
    model.signatures = ("serving_default", "crops")
    assert batcher().heat_maps(model, made.grey(1)) is None


def test_whoever_is_late_or_gone_is_skipped(made, batcher):
    queue = batcher(max_batch=4)
    model, _ = held(made, queue)
    late = queue.submit(model, made.grey(1), deadline=time.monotonic() - 1)
    gone = queue.submit(model, made.grey(2))
    right = queue.submit(model, made.grey(3), deadline=time.monotonic() + WAIT)
    gone.future.cancel()
    model.go.set()
    assert right.future.result(WAIT)["logit"].tolist() == [3]
    with pytest.raises(TimeoutError):
        late.future.result(WAIT)
    assert model.batches == [[200], [3]]
    assert queue.waiting == {"clients": 0, "videos": 0}


def test_a_failure_is_its_requests_own(made, batcher):
    queue, model = batcher(), made.Fake(fails=RuntimeError("out of luck"))
    with pytest.raises(RuntimeError, match="out of luck"):
        queue.submit(model, made.grey(1, 2, 3, 4, 5)).future.result(WAIT)
    assert queue.submit(made.Fake(), made.grey(6)).future.result(WAIT)["logit"].tolist() == [6]
    assert queue.waiting == {"clients": 0, "videos": 0}


def test_nan_fails_only_its_own_request(made, batcher):
    class Odd(made.Fake):
        def predict(self, crops):
            answer = super().predict(crops)
            answer["embedding"][crops[:, 0, 0, 0] == 13] = np.nan
            return answer

    queue, model = batcher(), Odd(go=False)
    works = [queue.submit(model, made.grey(value)) for value in (1, 13, 2)]
    model.go.set()
    with pytest.raises(NotFinite):
        works[1].future.result(WAIT)
    assert [works[k].future.result(WAIT)["logit"].tolist() for k in (0, 2)] == [[1], [2]]


def test_many_threads_each_get_their_own(made, batcher):
    seen = []
    queue, model = batcher(max_batch=8, max_waiting=10_000, batch_done=lambda *batch: seen.append(batch)), made.Fake()
    wrong = []

    def client(number):
        rng = np.random.default_rng(number)
        for _ in range(30):
            values = rng.integers(0, 256, rng.integers(1, 6))
            answer = queue.submit(model, made.grey(*values)).future.result(WAIT)
            if answer["logit"].tolist() != values.tolist():
                wrong.append((values, answer))

    threads = [threading.Thread(target=client, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(map(len, model.batches)) == sum(faces for faces, _ in seen)
    assert max(map(len, model.batches)) == 8
    assert queue.waiting == {"clients": 0, "videos": 0}


@pytest.mark.slow
def test_company_does_not_matter(batcher):
    """A network computes a face alone, with others, and anywhere among them, alike but for float noise."""
    detector = DeepfakeDetector(get_recipe("paper", backbone="resnet10", image_size=64))

    class Network:
        @staticmethod
        def predict(crops):
            outputs = detector(crops, training=False)
            return {name: outputs[name].numpy() for name in SERVED}

    crops = np.random.default_rng(0).integers(0, 256, (9, 256, 256, 3)).astype(np.uint8)
    queue, network = batcher(max_batch=5), Network()
    alone = [network.predict(crop[None]) for crop in crops]
    works = [queue.submit(network, crops[first:last]) for first, last in ((0, 1), (1, 4), (4, 9), (2, 9), (8, 9))]
    for work, (first, last) in zip(works, ((0, 1), (1, 4), (4, 9), (2, 9), (8, 9)), strict=True):
        answer = work.future.result(WAIT)
        for name in SERVED:
            expected = np.concatenate([alone[k][name] for k in range(first, last)])
            np.testing.assert_allclose(answer[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)
    spread = np.ptp([one["logit"][0] for one in alone])
    assert spread > 1e-3  # the faces differ by more than the tolerance


def test_closing_finishes_what_waits(made):
    queue = Batcher(2, 100)
    model, _ = held(made, queue)
    works = [queue.submit(model, made.grey(value)) for value in (1, 2, 3)]
    closing = threading.Thread(target=queue.close)
    closing.start()
    model.go.set()
    assert [work.future.result(WAIT)["logit"].tolist() for work in works] == [[1], [2], [3]]
    closing.join(WAIT)
    assert not closing.is_alive()
    with pytest.raises(RuntimeError, match="stopping"):
        queue.submit(model, made.grey(1))


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_a_model_with_another_number_of_rows_fails_its_requests_and_no_others(rows, made, batcher):
    class Odd:
        @staticmethod
        def predict(crops):
            return {"logit": np.zeros(len(crops), np.float32), "embedding": np.zeros((rows, 2), np.float32)}

    queue = batcher(max_batch=8)
    with pytest.raises(ValueError, match="3 faces with outputs of other sizes"):
        queue.submit(Odd(), made.grey(1, 2, 3)).future.result(WAIT)
    assert queue.submit(made.Fake(), made.grey(7)).future.result(WAIT)["logit"].tolist() == [7]


@pytest.mark.parametrize("name", ["fake_probability", "heat_map"])
@pytest.mark.parametrize("value", [7.5, -0.01])
def test_a_share_that_is_none_is_never_an_answer(name, value, made, batcher):
    class Odd:
        @staticmethod
        def predict(crops):
            return {"logit": np.zeros(len(crops), np.float32), name: np.full(len(crops), value, np.float32)}

    with pytest.raises(NotFinite, match=r"leaves \[0, 1\]"):
        batcher(max_batch=8).submit(Odd(), made.grey(1)).future.result(WAIT)


def test_a_pass_that_never_ends_is_not_waited_for(made):
    queue = Batcher(2, 100)
    model, _ = held(made, queue)
    assert queue.close(0.05) is False
    model.go.set()
    assert queue.close(WAIT) is True
