"""Synthetic layouts of empty files, and the real files that some checkouts have beside them."""

from pathlib import Path

import pytest

REAL = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.fixture
def touch(tmp_path):
    """touch(*names) makes files below tmp_path, each with its own name as content, and returns tmp_path."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return tmp_path

    return make


@pytest.fixture
def real():
    """real(name) is a folder of real files; skips where they are not there."""

    def find(name):
        path = REAL / name
        if not path.exists():
            pytest.skip(f"needs the real files of ../shared/data/{name}")
        return path

    return find


@pytest.fixture
def by_id():
    """by_id(listing) -> {id: video}; fails if two videos have one id."""

    def index(listing):
        videos = {video.video_id: video for video in listing.videos}
        assert len(videos) == len(listing.videos)
        return videos

    return index
