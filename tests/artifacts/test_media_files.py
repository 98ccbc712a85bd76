import pytest

from artifacts.media_files import DOCUMENTS, PICTURES, VIDEOS, is_media, kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((f"x{suffix}", "video") for suffix in (".wmv", ".flv", ".3gp", ".ts", ".MTS", ".gif", ".MP4")),
        *((f"a.b/x{suffix}", "image") for suffix in (".tif", ".jfif", ".JPEG", ".avif")),
        ("metadata.json", "document"),
        ("x.rmvb", "other"),
        ("mp4", "other"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_suffix(name, kind):
    assert kind_of(name) == kind and is_media(name) == (kind in ("video", "image"))


def test_a_suffix_has_one_kind():
    suffixes = [*VIDEOS, *PICTURES, *DOCUMENTS]
    assert len(set(suffixes)) == len(suffixes) and all(one == one.lower() and one[0] == "." for one in suffixes)
