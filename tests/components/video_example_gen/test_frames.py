import os

from components.video_example_gen.frames import Locator, chosen, numbers


def test_frames_are_evenly_spaced_in_the_order_of_their_numbers():
    frames = [f"v/{k}.png" for k in (10, 9, 0, 2, 1, 3, 4, 5, 6, 7, 8, 11)]
    assert chosen(frames, 4) == ["v/0.png", "v/3.png", "v/6.png", "v/9.png"]
    assert chosen(frames, 12) == chosen(frames, 100) == [f"v/{k}.png" for k in range(12)]
    assert chosen(["v\\b.png", "v\\a.png"], 5) == ["v\\a.png", "v\\b.png"] and chosen([], 3) == []


def test_numbers_of_frames():
    assert numbers(["v/003.png", "v/010.png"]) == [3, 10]
    assert numbers(["v/a.png", "v/010.png"]) == numbers(["v/1.png", "v/01.png"]) == [0, 1] and numbers([]) == []


def test_paths_of_another_machine_are_found_by_their_end(tmp_path):
    here = os.path.join(str(tmp_path), "UADFV", "real", "frames", "0000", "000.png")
    locator = Locator(str(tmp_path), [here])
    for path in (
        "UADFV/real/frames/0000/000.png",
        "./UADFV/real/frames/0000/000.png",
        "/home/x/datasets/rgb/UADFV/real/frames/0000/000.png",
        "D:\\datasets\\UADFV\\real\\frames\\0000\\000.png",
    ):
        assert locator.find(path) == here
    assert locator.find("/home/x/datasets/rgb/UADFV/fake/frames/0000/000.png") is None


def test_two_folders_at_least_are_as_listed(tmp_path):
    near = os.path.join(str(tmp_path), "0000", "000.png")
    locator = Locator(str(tmp_path), [near])
    assert locator.find("real/frames/0000/000.png") is None and locator.find("0000/000.png") == near
