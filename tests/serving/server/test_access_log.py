"""Lines of the access log: what log readers take, and nothing that a client made up."""

import datetime
import re

import pytest
from starlette.datastructures import Headers

from artifacts.errors import InputError
from serving.server.access_log import AccessLog, line_of

WHEN = datetime.datetime(2026, 3, 9, 7, 5, 4, tzinfo=datetime.UTC)
COMBINED = re.compile(
    r'(?P<host>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<code>\d{3}) '
    r'(?P<size>\S+) "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)


def scope(path=b"/", query=b"", method="GET", client=("10.1.2.3", 5)):
    return {
        "type": "http", "method": method, "path": path.decode("latin-1"), "raw_path": path, "query_string": query,
        "http_version": "1.1", "client": client,
    }  # fmt: skip


def line(headers=None, code=200, size=17, **of):
    return line_of(scope(**of), Headers(headers or {}), code, size, WHEN)


def test_it_is_the_combined_log_format():
    headers = {"referer": "http://127.0.0.1:8501/", "user-agent": "curl/8.5.0"}
    assert line(headers, path=b"/v1/model", query=b"a=1") == (
        '10.1.2.3 - - [09/Mar/2026:07:05:04 +0000] "GET /v1/model?a=1 HTTP/1.1" 200 17 '
        '"http://127.0.0.1:8501/" "curl/8.5.0"'
    )
    assert '"HEAD / HTTP/1.1" 200 - "' in line(method="HEAD")  # its body is not sent
    assert line(code=204, size=0, client=None).endswith('"GET / HTTP/1.1" 204 - "-" "-"')
    when = datetime.datetime.strptime(COMBINED.fullmatch(line())["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert when == WHEN


@pytest.mark.parametrize("text", ['" 200 1 "-" "x', "a\nb", "a\x1b[2Jb", "a\\", "\xe4\xff", "\x85"])
def test_what_a_client_sends_cannot_make_a_line_or_a_field_of_its_own(text):
    headers = {"user-agent": text, "referer": text}
    written = line(headers, path=b"/" + text.encode("latin-1"), query=text.encode("latin-1"), method="GET")
    assert written.isascii() and written.isprintable() and COMBINED.fullmatch(written)
    parts = COMBINED.fullmatch(written)
    assert parts["code"] == "200" and parts["size"] == "17" and parts["agent"] == parts["referer"]


def test_a_job_s_id_is_not_given_away():
    for rest in (b"", b"/report.html", b"/faces/0/12.webp"):
        written = line(path=b"/v1/videos/1CaRKVyUe978AlyjsgvjOA" + rest)
        assert f"GET /v1/videos/1CaRKV...{rest.decode()} HTTP" in written
    assert "GET /v1/videos?wait=60 HTTP" in line(path=b"/v1/videos", query=b"wait=60")


def test_long_paths_are_cut():
    assert len(line({"user-agent": "x" * 60_000}, path=b"/" + b"y" * 60_000)) < 5000


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--access_log .*absent/a\.log: cannot be written"):
        AccessLog(str(tmp_path / "absent" / "a.log"))


def test_lines_are_added_and_a_full_disk_is_borne(tmp_path, capfd):
    path = tmp_path / "a.log"
    path.write_text("before\n")
    AccessLog(str(path)).add(scope(), Headers({}), 200, 1)
    assert path.read_text().startswith("before\n10.1.2.3 ") and path.read_text().count("\n") == 2
    AccessLog("/dev/full").add(scope(), Headers({}), 200, 1)
    AccessLog("-").add(scope(), Headers({}), 200, 1)
    AccessLog().add(scope(), Headers({}), 201, 1)
    out, err = capfd.readouterr()
    assert out.count("\n") == err.count("\n") == 1 and " 200 1 " in out and " 201 1 " in err
