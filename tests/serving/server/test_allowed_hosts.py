"""Whose page asks, and by which name."""

import pytest

from serving.server.allowed_hosts import AllowedHosts, parse_hosts
from serving.server.refusals import Refusal


def code(host, origin=None, names="", bound="127.0.0.1", arrived_at="127.0.0.1", path="/v1/videos"):
    try:
        AllowedHosts(parse_hosts(names), bound).check(path, host, origin, arrived_at)
    except Refusal as refusal:
        return refusal.code
    return 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "localhost:8501",
            "LOCALHOST",
            "localhost.",
            "127.0.0.1:8501",
            "127.8.8.8",
            "[::1]",
            "[::1]:8501",
        ),
        *("[::ffff:127.0.0.1]:80", None),
    ],
)
def test_the_machine_itself_is_always_meant(host):
    assert code(host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:8501",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.5",
            "",
            "a b",
        ),
        *("localhost:8501:1", "[::2]", "localhost@evil.example", "[localhost]", "127.0.0.1:8501#", "\x1b", "a" * 300),
    ],
)
def test_another_name_is_misdirected_in_words_that_name_the_flag(host):
    assert code(host) == 421
    with pytest.raises(Refusal, match="--allowed_hosts=") as refused:
        AllowedHosts().check("/", host, None, "127.0.0.1")
    assert refused.value.message.isprintable() and len(refused.value.message) < 300


def test_the_address_at_which_a_request_arrives_and_the_bound_one_are_its_own():
    assert code("10.1.2.3:8501", bound="0.0.0.0", arrived_at="10.1.2.3") == 200  # a probe by the address of a pod
    assert code("10.1.2.4:8501", bound="0.0.0.0", arrived_at="10.1.2.3") == 421
    assert code("[fd00::1]:8501", bound="::", arrived_at="fd00:0::1") == 200
    assert code("10.1.2.3", bound="::", arrived_at="::ffff:10.1.2.3") == 200
    assert code("gpu7:8501", bound="gpu7", arrived_at="10.1.2.3") == 200


def test_further_names_are_allowed_by_the_flag():
    names = "faces.example, Other.example. ,fd00::7,[fd00::8]"
    for host in ("faces.example", "FACES.example:443", "other.example", "[fd00::7]:1", "[fd00::8]"):
        assert code(host, names=names) == 200
    assert code("evil.example", names=names) == 421 and code("evil.example", names="*") == 200


@pytest.mark.parametrize("text", ["a:80", "http://a", "a b", "[::1", "ä.example", "a/b"])
def test_what_is_no_host_is_named(text):
    with pytest.raises(ValueError, match="is no host"):
        parse_hosts(f"ok.example,{text}")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_by_any_name(path):
    assert code("evil.example", "http://evil.example", path=path) == 200


@pytest.mark.parametrize(
    "host, origin, expected",
    [
        ("localhost:8501", "http://localhost:8501", 200),
        ("localhost", "http://localhost", 200),
        ("localhost", "https://localhost:443", 200),
        ("localhost:8501", "http://LOCALHOST:8501", 200),
        ("[::1]:8501", "http://[::1]:8501", 200),
        ("localhost:8501", "http://localhost:3000", 403),
        ("localhost:8501", "http://127.0.0.1:8501", 403),
        ("localhost:8501", "http://localhost", 403),
        ("localhost:8501", "http://evil.example", 403),
        ("localhost:8501", "null", 403),
        ("localhost:8501", "", 403),
        ("localhost:8501", "chrome-extension://localhost:8501", 403),
        (None, "http://evil.example", 403),
    ],
)
def test_a_page_may_ask_its_own_server_only(host, origin, expected):
    assert code(host, origin) == expected


def test_a_page_behind_a_proxy_may_ask_if_its_name_is_allowed():
    assert code("localhost:8501", "https://faces.example", names="faces.example") == 200
    assert code("faces.example", "https://faces.example", names="faces.example") == 200
    assert code("localhost:8501", "https://faces.example") == 403
