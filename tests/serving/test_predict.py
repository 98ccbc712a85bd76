"""The command: what it takes, prints, writes and returns."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from artifacts.errors import InputError
from artifacts.visible import printable
from faces.alignment import TEMPLATE
from faces.detector import Face
from faces.extraction import FaceExtractor
from serving import predict
from serving.default_model import SHIPPED
from serving.verdict.annotate import Annotator
from serving.verdict.assessor import Assessor
from serving.verdict.caveats import AUC
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, REAL, UNSURE
from serving.verdict.verdict_json import Verdict, VerdictsJson
from serving.verdict.verdict_options import VerdictOptions
from serving.verdict.view.html_report import HtmlReport


class Whole:
    """A detector that sees one face in all that is not black."""

    def detect(self, images, min_face_size):
        box = np.array([20, 12, 60, 60], np.float32)
        face = Face(box, (box[:2] + TEMPLATE * 60 / 256).astype(np.float32), 0.99)
        return [[face] if image.mean() > 10 else [] for image in images]


@pytest.fixture
def run(brightness, monkeypatch, tmp_path, capsys):
    """run(*arguments) runs the command in `tmp_path` with a `Brightness`; gives code, out, err, and `model`."""
    model = brightness()
    monkeypatch.setattr(predict, "_chosen_model", lambda *of: "model")
    monkeypatch.setattr(predict, "_load", lambda folder: model)
    monkeypatch.setattr(FaceExtractor, "_get_detector", lambda self: Whole())
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = predict.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    run.model = model
    return run


@pytest.fixture
def pictures(tmp_path):
    """fake.png, real.png, empty.png (nobody), text.png (no picture), in the working directory."""
    for name, grey in (("fake", 220), ("real", 40), ("empty", 0)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((96, 128, 3), grey, np.uint8))
    (tmp_path / "text.png").write_text("no picture")


def read(path):
    return json.loads(Path(path).read_text(), parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


# --- what a script is told --------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    "names, code",
    [
        (["real.png"], 0),
        (["fake.png"], 1),
        (["real.png", "fake.png", "empty.png", "absent.mp4"], 1),
        (["empty.png"], 3),
        (["real.png", "empty.png"], 3),
        (["real.png", "absent.png"], 3),
        (["real.png", "text.png"], 3),
        (["real.png", "*.avi"], 3),
        (["text.png"], 2),
        (["absent.png", "text.png"], 2),
        (["*.avi"], 2),
        ([os.devnull], 2),
    ],
)
def test_exit_codes(names, code, run, pictures):
    done = run(*names)
    assert done.code == code
    if len(names) == 1 and code == 2 and "*" in names[0]:
        assert done.err == "error: *.avi: no file matches this\n" and done.out == ""


@pytest.mark.parametrize(
    "said, kind, problems, errors, code",
    [
        ([REAL], "video", False, False, 0),
        ([REAL, FAKE, UNSURE], "video", False, False, 1),
        ([UNSURE], "image", False, False, 3),
        ([REAL, CANNOT_JUDGE], "video", False, False, 3),
        ([REAL], "video", True, False, 3),
        ([FAKE], "video", True, False, 1),
        ([CANNOT_JUDGE], None, False, False, 2),
        ([FAKE], "video", False, True, 2),
    ],
)
def test_what_makes_which_exit_code(said, kind, problems, errors, code):
    verdicts = [SimpleNamespace(verdict=verdict, kind=kind) for verdict in said]
    assert predict.exit_code(verdicts, problems, errors) == code


def test_a_model_that_nothing_speaks_for_gives_scores_and_no_words(run, pictures, tmp_path):
    """Above all lines if there are several, in each statement, in the JSON, in the report, and by the exit code."""
    run.model.card = None
    done = run(".", "--json=v.json", "--report=r.html")
    lines = done.out.splitlines()
    assert lines[0].startswith("Not judged: this model has no card") and lines[2].startswith("verdict")
    assert done.code == 3 and "likely fake" not in done.out.lower() and "likely real" not in done.out.lower()
    assert "4 files: 2 not assessed, 2 not judged" in done.out
    content = json.loads((tmp_path / "v.json").read_text())
    assert content["model"]["not_judged"].startswith("has no card")
    judged = [file for file in content["files"] if file["fake_probability"] is not None]
    assert {file["verdict"] for file in judged} == {"not_judged"} and len(judged) == 2
    assert all(file["statement"].startswith("Not judged: this model has no card") for file in judged)
    report = (tmp_path / "r.html").read_text()
    assert report.count("not judged</td>") == 2 and "Not judged: this model has no card" in report
    alone = run("fake.png").out
    assert alone.splitlines()[0].startswith("verdict") and "Its bare score for the face is a fake probability" in alone


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.mp4"], "error: nowhere.mp4: no such file"),
        (["no.mp4", "nor.png"], "error: no.mp4: no such file\nerror: nor.png: no such file"),
        (["fake.png", "--annotate=x.mp4"], "error: --annotate x.mp4: fake.png is a picture; give a name with .png"),
        ([".", "--annotate=x.png"], "error: --annotate x.png: is the name of one file, and there are 4; give a folder"),
    ],
)
def test_arguments_are_looked_at_before_a_model_is_loaded(arguments, said, run, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "_load", lambda folder: pytest.fail("it was loaded"))
    before = sorted(tmp_path.iterdir())
    done = run(*arguments)
    assert done.code == 2 and done.out == "" and said in done.err
    assert sorted(tmp_path.iterdir()) == before


# --- what is printed --------------------------------------------------------------------------------------------------
def test_the_table_then_what_must_be_known(run, pictures, tmp_path):
    (tmp_path / "notes.txt").touch()
    done = run(".")
    lines = done.out.splitlines()
    assert lines[0].split() == ["verdict", "fake", "95", "%", "interval", "frames", "file"]
    assert lines[1].startswith("cannot judge") and lines[1].endswith("./empty.png")
    assert "    Cannot judge: no face was found in the picture." in lines
    assert "    Likely fake: the face is fake with a probability of 99.7 %." in run("fake.png").out.splitlines()
    assert "4 files: 1 likely fake, 1 likely real, 2 not assessed, 1 other file passed over" in lines
    assert "passed over: ./notes.txt" in lines and any(line.startswith("no interval: a single") for line in lines)
    assert lines[-5:-1] == [
        "Model: toys, recipe toy",
        f"Tested on others AUC 0.900 (0.800 to 1.000) (videos that it was not trained on; {AUC})",
        "Toys: they are no faces.",
        "This model is not calibrated (the model has no calibration): its probabilities rank faces, but 90 % need not "
        "mean that nine in ten are fake.",
    ]
    assert "does not cover kinds of fakes that the model has not seen" in lines[-1]


def test_quiet_is_silent_but_for_errors(run, pictures):
    done = run("--quiet", "real.png", "*.avi")
    assert (done.code, done.out, done.err) == (3, "", "error: *.avi: no file matches this\n")


# --- what is written --------------------------------------------------------------------------------------------------
def test_json_and_csv(run, pictures):
    done = run("fake.png", "empty.png", "--json=a.json", "--csv=a.csv", "--frames=9")
    assert done.code == 1
    content = read("a.json")
    assert [file["file"] for file in content["files"]] == ["fake.png", "empty.png"]
    first = content["files"][0]
    assert first["verdict"] == "fake" and first["faces"][0]["frames"][0]["box"] == [20, 12, 60, 60]
    assert "model" not in first and content["model"]["digest"] == "d1" and content["model"]["card"] == run.model.card
    assert set(content) == set(VerdictsJson.__annotations__)
    assert set(first) == {field.name for field in fields(Verdict)} - {"model", "parameters"}
    assert content["parameters"]["frames"] == 9 and content["interrupted"] is False and len(content["caveats"]) == 3
    assert content["not_examined"] == content["not_drawn"] == content["passed_over"] == []
    rows = list(csv.DictReader(io.StringIO(Path("a.csv").read_text())))
    assert [row["file"] for row in rows] == ["fake.png", "empty.png"]
    assert float(rows[0]["fake_probability"]) == first["fake_probability"] and rows[1]["reason"] == "no_face"
    for row in rows:
        assert (row["threshold"], row["video_rule"], row["min_face"], row["min_score"]) == (
            "0.5", "mean_logit", "32.0", "0.88",
        )  # fmt: skip
        assert row["model"] == "toys" and row["model_digest"] == "d1"
    assert [row["notes"] for row in rows] == [" ".join(file["notes"]) for file in content["files"]]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_standard_output_can_be_for_a_program(option, run, pictures):
    done = run("fake.png", option, "-")
    assert "likely fake" in done.err and "likely fake" not in done.out
    if option == "--json":
        assert json.loads(done.out)["files"][0]["verdict"] == "fake"
    else:
        assert next(csv.DictReader(io.StringIO(done.out)))["verdict"] == "fake"
    assert run("fake.png", option, "-", "--quiet").err == ""


@pytest.mark.slow
def test_a_report_and_drawn_copies(run, pictures):
    done = run("fake.png", "real.png", "--report=a.html", "--annotate=out")
    assert done.code == 1 and sorted(os.listdir("out")) == ["fake-marked.png", "real-marked.png"]
    page = Path("a.html").read_text()
    assert "fake.png" in page and page.count('class="verdict"') >= 2 and "data:image/webp" in page
    one = run("fake.png", "--annotate=one.jpg")
    assert one.code == 1 and cv2.imread("one.jpg").shape == (96, 128, 3)


def test_each_result_is_renamed_once_when_it_is_whole(run, pictures, monkeypatch):
    renamed, real = [], os.replace
    monkeypatch.setattr(os, "replace", lambda source, target: renamed.append(target) or real(source, target))
    assert run("fake.png", "real.png", "--json=a.json", "--csv=a.csv", "--report=a.html").code == 1
    assert renamed == ["a.html", "a.json", "a.csv"]


def test_odd_names(run, pictures, tmp_path):
    names = ["=1+1,\"'.png", "\x1b[31mred\n.png", "caf\udce9.png", "12:30.png", "-x.png"]
    for name in names:
        (tmp_path / name).write_bytes((tmp_path / "fake.png").read_bytes())
    done = run("--json=a.json", "--csv=a.csv", "--report=a.html", "--", *names)
    assert done.code == 1 and "\x1b" not in done.out and "\\x1b[31mred\\n.png" in done.out
    shown = [name.replace("\udce9", "\\xe9") for name in names]  # any reader of UTF-8 can take them
    assert [file["file"] for file in read("a.json")["files"]] == shown
    with open("a.csv", newline="", encoding="utf-8") as stream:
        in_cells = [f"'{name}" if name[0] in "=-" else printable(name) for name in shown]
        assert [row["file"] for row in csv.DictReader(stream)] == in_cells


def test_names_of_arguments_and_of_the_model_are_shown_harmlessly(run, pictures):
    run.model.card = {"name": "\x1b]0;r\x07", "caveats": {"\u202ex": "y\x9b2J"}}
    done = run("real.png", "\x1b[2J\nerror: no*")
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(done.out + done.err)
    assert r"error: \x1b[2J\nerror: no*: no file matches this" in done.err
    assert r"recipe \x1b]0;r\x07" in done.out and r"\u202ex: y\x9b2J" in done.out


# --- what must not be lost --------------------------------------------------------------------------------------------
@pytest.fixture
def evidence(pictures, tmp_path):
    """hard.png and soft.png are fake.png by other names, own-marked.png and inbox/own.png are somebody's; letter.txt.

    evidence() fails if any file has changed, or one has appeared.
    """
    os.link("fake.png", "hard.png")
    os.symlink("fake.png", "soft.png")
    (tmp_path / "letter.txt").write_text("a letter")
    (tmp_path / "own-marked.png").write_bytes((tmp_path / "real.png").read_bytes())
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "own.png").write_bytes((tmp_path / "fake.png").read_bytes())

    def contents():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = contents()
    return lambda: contents() == before


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["fake.png", "--json", "fake.png"], "--json fake.png: is an input"),
        (["fake.png", "--csv", "./fake.png"], "--csv ./fake.png: is an input (fake.png)"),
        (["fake.png", "--report", "hard.png"], "--report hard.png: is an input (fake.png)"),
        (["fake.png", "--json", "soft.png"], "--json soft.png: is an input (fake.png)"),
        (["fake.png", "--annotate", "hard.png"], "--annotate hard.png: is an input (fake.png)"),
        (["fake.png", "--json", "fake.png", "--overwrite"], "--json fake.png: is an input"),
        (["--csv", "fake.png", "real.png"], "--csv fake.png: this file exists"),  # --csv *.png
        (["fake.png", "--json", "letter.txt"], "--json letter.txt: this file exists, and this command did not make it"),
        (["fake.png", "--json", "a", "--csv", "./a"], "--csv ./a: is also --json a; one would be lost"),
        (["fake.png", "--json", "a", "--report", "A"], "--report A: is also --json a"),
        (["fake.png", "--json", "a.png", "--annotate", "a.png"], "--annotate a.png: is also --json a.png"),
        (["inbox", "--annotate", "."], "--annotate ./own-marked.png: this file exists"),
        (["inbox", "--annotate", "inbox/own.png"], "--annotate inbox/own.png: is an input"),
        (["fake.png", "--csv", f"{SHIPPED}/1/saved_model.pb", "--overwrite"], "is a file of the model"),
    ],
)
def test_no_output_eats_anything(arguments, words, run, evidence, monkeypatch):
    monkeypatch.setattr(predict, "_load", lambda folder: pytest.fail("the work began"))
    done = run(*arguments)
    assert done.code == 2 and f"error: {words}" in done.err.replace(f"--csv {SHIPPED}/1/saved_model.pb: ", "")
    assert evidence()


@pytest.mark.usefixtures("one_moment")
def test_a_command_may_be_repeated_and_overwrites_what_it_is_told(run, evidence, tmp_path):
    command = ["inbox", "--json=a.json", "--csv=a.csv", "--report=a.html", "--annotate=inbox", "--frames=4"]
    (tmp_path / "inbox" / "own.png").rename(tmp_path / "inbox" / "clip.jpeg")  # its copy is clip-marked.jpg
    assert run(*command).code == 1
    before = {name: Path(name).read_bytes() for name in ("a.json", "a.csv", "a.html", "inbox/clip-marked.jpg")}
    again = run(*command)
    assert again.code == 1 and "1 file: 1 likely fake, 1 other file passed over" in again.out, again
    assert {name: Path(name).read_bytes() for name in ("a.csv", "inbox/clip-marked.jpg")} == {
        name: before[name] for name in ("a.csv", "inbox/clip-marked.jpg")
    }
    assert read("a.json")["passed_over"] == ["inbox/clip-marked.jpg"]  # the copy of before
    assert run("fake.png", "--json=a.csv").code == 2  # of another kind
    assert run("fake.png", "--json=letter.txt", "--overwrite").code == 1
    assert read("letter.txt")["made_by"] == "deepfake-predict"
    Path("empty").touch()  # as mktemp makes it
    assert run("fake.png", "--json=empty").code == 1


def test_what_appears_meanwhile_is_not_lost_either(run, pictures, tmp_path, monkeypatch):
    real = Assessor.assess_all

    def slowly(self, *of, **more):
        (tmp_path / "a.json").write_text("a letter")
        return real(self, *of, **more)

    monkeypatch.setattr(Assessor, "assess_all", slowly)
    done = run("fake.png", "--json=a.json", "--csv=a.csv")
    assert done.code == 2 and "--json a.json: this file exists" in done.err
    assert Path("a.json").read_text() == "a letter" and Path("a.csv").exists()


# --- what goes wrong --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--json=absent/a.json"], "absent/a.json: cannot be written"),
        (["--csv=."], ".: is a folder; give a file"),
        (["--report=fake.png/a.html"], "fake.png/a.html: cannot be written (Not a directory)"),
        (["--annotate=a.txt"], "--annotate a.txt: give a name that ends in"),
        (["--annotate=fake.png"], "--annotate fake.png: is an input, which it would replace"),
        (["--json=-", "--csv=-"], "only one of them can have standard output"),
        (["--max_seconds=0"], "error: --max_seconds: must be greater than 0"),
        (["--max_seconds=nan"], "error: --max_seconds: must be a finite number"),
        (["--max_pixels=x"], "error: --max_pixels: must be a whole number"),
        (["--frames=0"], "error: --frames: "),
        (["--threshold=2"], "error: --threshold: "),
        (["--min_face_size=50"], "error: --min_face_size: "),
        (["--video_rule=best"], "error: --video_rule: "),
    ],
)
def test_a_mistake_is_named_before_the_work(arguments, words, run, pictures, monkeypatch):
    monkeypatch.setattr(predict, "_load", lambda folder: pytest.fail("it began to work"))
    done = run("fake.png", *arguments)
    assert done.code == 2 and words in done.err and done.out == ""
    assert all(line.startswith("error: ") for line in done.err.splitlines())


def test_models_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="--model absent: no such folder"):
        predict._chosen_model("absent", True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no SavedModel"):
        predict._load(predict._chosen_model("empty", True))


@pytest.mark.slow  # it loads a model
@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_model_the_packages_own_is_used_and_named(quiet, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    served = predict._load(predict._chosen_model(None, quiet))
    assert served.path.startswith(SHIPPED) and served.card["name"] and served.preprocessing is not None
    assert ("comes with the package" in capsys.readouterr().err) is not quiet


def test_limits(run, pictures):
    done = run("fake.png", "--max_pixels=1000")
    assert done.code == 2 and "pictures of 128x96 are more than 1,000 pixels" in done.out


def test_what_cannot_be_written_in_the_end_costs_nothing_else(run, pictures):
    done = run("fake.png", "--csv=/dev/full", "--json=a.json")
    assert done.code == 2 and "error: /dev/full: cannot be written (No space left on device)" in done.err
    assert read("a.json")["files"][0]["verdict"] == "fake" and "likely fake" in done.out


def test_a_report_that_fails_costs_no_verdict(run, pictures, monkeypatch):
    def full(self, view):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(HtmlReport, "add", full)
    done = run("fake.png", "real.png", "--report=a.html", "--json=a.json")
    assert done.code == 2 and "error: a.html: cannot be written (No space left on device)" in done.err
    assert [file["verdict"] for file in read("a.json")["files"]] == ["fake", "real"] and not Path("a.html").exists()


def test_a_model_that_gives_no_number(run, pictures):
    run.model.fails = InputError("the model's logit is not finite: its training diverged. Use another model")
    done = run("fake.png", "--json=a.json")
    assert done.code == 2 and done.err == f"error: {run.model.fails}\n" and not Path("a.json").exists()


def test_a_fault_of_ours_is_not_taken_for_a_fake(run, pictures):
    """Python's own exit code for it is 1."""
    run.model.fails = AttributeError("nobody foresaw it")
    done = run("fake.png")
    assert done.code == 2 and "Traceback" in done.err and "nobody foresaw it" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("report", [False, True])
def test_interrupted_it_keeps_what_is_done(number, code, report, run, pictures, monkeypatch):
    real, judged = Assessor.assess, []

    def assess(self, *arguments, **options):
        judged.append(real(self, *arguments, **options))
        if len(judged) == 2:
            signal.raise_signal(number)
        return judged[-1]

    monkeypatch.setattr(Assessor, "assess", assess)
    before = signal.getsignal(signal.SIGTERM)
    done = run("fake.png", "real.png", "empty.png", "--json=a.json", "--csv=a.csv", *["--report=a.html"] * report)
    assert done.code == code and f"stopped by {number.name}" in done.err
    content = read("a.json")
    assert [file["file"] for file in content["files"]] == ["fake.png"] and content["interrupted"] is True
    assert content["not_examined"] == ["real.png", "empty.png"]
    assert "1 file: 1 likely fake, interrupted: 2 not examined" in done.out
    assert "not examined: real.png, empty.png" in done.out.splitlines()
    with open("a.csv", newline="") as stream:
        rows = [(row["file"], row["verdict"], row["reason"]) for row in csv.DictReader(stream)]
    assert rows[1:] == [(name, "not_examined", "interrupted") for name in ("real.png", "empty.png")]
    if report:
        assert "Interrupted: 2 of 3 files were not examined." in Path("a.html").read_text()
    assert Path("a.html").exists() == report and signal.getsignal(signal.SIGTERM) is before


def test_interrupted_before_the_first_verdict_nothing_is_written_and_that_is_said(run, pictures, monkeypatch):
    monkeypatch.setattr(Assessor, "assess", lambda *of, **more: signal.raise_signal(signal.SIGINT))
    Path("a.json").write_text('{"made_by": "deepfake-predict", "files": []}')
    done = run("fake.png", "--json=a.json")
    assert done.code == 130 and read("a.json") == {"made_by": "deepfake-predict", "files": []}
    assert done.err.splitlines() == [
        "stopped by SIGINT",
        "nothing was assessed, and nothing is written: what an output holds is older",
    ]


@pytest.mark.slow
def test_a_copy_that_was_interrupted_is_named_and_its_verdict_stays_in_every_output(run, pictures, monkeypatch):
    def draw(self, verdict, path, progress, note):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Annotator, "draw", draw)
    outputs = ["--json=a.json", "--csv=a.csv", "--report=a.html", "--annotate=out"]
    done = run("fake.png", "real.png", *outputs)
    assert done.code == 130 and "no copy drawn of: fake.png" in done.out.splitlines()
    content, page = read("a.json"), Path("a.html").read_text()
    assert (content["not_drawn"], content["not_examined"]) == (["fake.png"], ["real.png"])
    assert "No copy could be drawn of:" in page and "Interrupted: 1 of 2 files was not examined." in page
    assert page.count('class="verdict">') == 1 and "The face is fake" not in page


INTERRUPTED = """
import os, signal, sys, time
from commands.quiet import import_tensorflow
from serving import predict

def load(folder):
    import_tensorflow()
    os.kill(os.getpid(), signal.SIGINT)
    try:
        time.sleep(60)
    except KeyboardInterrupt:  # as libraries do in their callbacks
        time.sleep(60)

def hidden():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # as an import of TensorFlow hides what goes there
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

predict._load = load if sys.argv[1] == "load" else lambda folder: hidden()
sys.exit(predict.main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["load", "import"])
def test_ctrl_c_while_the_model_loads_is_one_line_at_once(when, pictures, tmp_path):
    command = [sys.executable, "-c", INTERRUPTED, when, str(tmp_path / "fake.png"), f"--model={SHIPPED}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, cwd=Path(__file__).parents[2])
    lines = [line for line in done.stderr.splitlines() if not line.startswith("loading the model")]
    assert (done.returncode, done.stdout) == (130, "")
    assert lines == ["stopped by SIGINT"]


# --- the help, and the command as a process ---------------------------------------------------------------------------
def test_the_help_is_enough(execute):
    done = execute("serving.predict", "--help")
    assert done.returncode == 0 and done.stderr == ""
    for name in VerdictOptions.model_fields:
        assert f"--{name} " in done.stdout
    for words in (
        "examples:",
        "exit codes:",
        "95 % interval",
        "serving_model",
        "does not cover kinds of fakes",
        "130",
        "sound",
        "1.3 MB",
    ):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 130


def test_without_a_model_it_says_so_at_once(execute, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((96, 96, 3), np.uint8))
    done = execute("serving.predict", tmp_path / "a.png", "--model", tmp_path / "absent")
    assert done.returncode == 2 and done.stderr == f"error: --model {tmp_path / 'absent'}: no such folder\n"


def test_who_reads_no_further_breaks_nothing(run, pictures, monkeypatch, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        done = run("fake.png", "real.png", "--json=a.json")
    assert done.code == 1 and len(read("a.json")["files"]) == 2 and "Traceback" not in done.err
