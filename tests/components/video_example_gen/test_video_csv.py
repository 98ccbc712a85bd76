import os

import pytest

from artifacts.errors import InputError
from components.video_example_gen.video_csv import Row, read_rows


def _read(tmp_path, text, **options):
    (tmp_path / "t.csv").write_text(text)
    return read_rows(str(tmp_path / "t.csv"), **options)


def test_labels_and_columns_in_any_case_and_order(tmp_path):
    rows = _read(tmp_path, "Label,PATH,note\nREAL,a.mp4,x\n1,b.jpg,\n\nFake,c.png,\n0,d.avi,\n")
    assert [(row.path, row.label, row.method) for row in rows] == [
        ("a.mp4", 0, "real"), ("b.jpg", 1, "fake"), ("c.png", 1, "fake"), ("d.avi", 0, "real"),
    ]  # fmt: skip


def test_all_columns(tmp_path):
    text = 'path,label,split,method,identities,original\n"a, b.mp4",fake,Validation,nt,x; y;x,z.mp4\nz.mp4,real,,,,\n'
    assert _read(tmp_path, text) == [
        Row("a, b.mp4", 1, "val", "nt", ("z", "x", "y")),
        Row("z.mp4", 0, "", "real", ("z",)),
    ]


def test_a_real_video_is_its_own_original_only_where_there_are_originals(tmp_path):
    assert _read(tmp_path, "path,label\nz.mp4,real\n")[0].people == ()


def test_windows_text(tmp_path):
    assert _read(tmp_path, "\ufeffpath,label\r\na.mp4,real\r\n") == [Row("a.mp4", 0, "", "real", ())]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("hint", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_separator(tmp_path, separator, hint, encoding):
    lines = [["label", "path", "identities"], ["real", "ä, b.mp4", '"x;y"'], ["1.0", "c|d.mp4", "z"]]
    lines[1][1], lines[2][1] = f'"{lines[1][1]}"', f'"{lines[2][1]}"'
    text = "".join(separator.join(cells) + "\r\n" for cells in lines)
    (tmp_path / "t.csv").write_bytes((f"sep={separator}\r\n" * hint + text).encode(encoding))
    assert read_rows(str(tmp_path / "t.csv")) == [
        Row("ä, b.mp4", 0, "", "real", ("x", "y")),
        Row("c|d.mp4", 1, "", "fake", ("z",)),
    ]


def test_a_name_that_is_not_utf8_stays_as_it_is(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"path,label\ncaf\xe9.mp4,real\n")
    assert os.fsencode(read_rows(str(tmp_path / "t.csv"))[0].path) == b"caf\xe9.mp4"


def test_a_path_of_windows_has_the_same_original(tmp_path):
    rows = _read(tmp_path, "path,label,original\nfake\\a.mp4,fake,real\\z.mp4\nreal\\z.mp4,real,\n")
    assert [row.people for row in rows] == [("z",), ("z",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file;class\na.mp4;real\n", ":1: .*path and label are missing; it names file, class, separated by semicolons"),
        ("path label\na.mp4 real\n", ":1: .*path and label are missing; it names path label, separated by commas"),
        ("sep=;\npath,label\na.mp4,real\n", ":2: .*it names path,label, separated by semicolons"),
        (
            "path;label\na.mp4,real\n",
            ":2: 1 cells in .* 2 columns: it seems separated by commas, and the first",
        ),
        ("path;label;identities\na.mp4;real;x;y\n", ":2: 4 cells .* separated by semicolons; quote cells that contain"),
        ("", ":1: .*path and label are missing"),
        ("a.mp4,real\n", ":1: the first line must name the columns"),
        ("path,split\n", ":1: .*label is missing"),
        ("path,label\na.mp4,real\nb.mp4,maybe\n", ":3: label 'maybe' is unknown; it can be real or 0, fake or 1"),
        ("path,label\na.mp4,real,x\n", ":2: 3 cells in a table of 2 columns"),
        ("path,label\na.txt,real\n", r":2: path 'a\.txt' must end in one of \.mp4"),
        ("path,label\n,real\n", ":2: path ''"),
        ("path,label,split\na.mp4,real,dev\n", ":2: split 'dev' is unknown"),
        ("path,label,method\na.mp4,real,df\n", ":2: method 'df' does not fit label real"),
        ("path,label,method\na.mp4,fake,real\n", ":2: method 'real' does not fit"),
        ("path,label\na.mp4,real\nb.mp4,0\n./a.mp4,real\n", r":4: \./a\.mp4 is already in line 2"),
    ],
)
def test_broken_tables(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"t\.csv{message}"):
        _read(tmp_path, text)


def test_images_only(tmp_path):
    assert len(_read(tmp_path, "path,label\na.jpg,real\n", images_only=True)) == 1
    with pytest.raises(InputError, match=r":2: path 'a\.mp4' must end in one of \.jpg"):
        _read(tmp_path, "path,label\na.mp4,real\n", images_only=True)
