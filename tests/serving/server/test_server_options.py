"""The command line."""

import pytest

from artifacts.errors import InputError
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions, parse_options


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv("DEEPFAKE_TOKEN", raising=False)


def test_without_arguments_it_serves_no_named_model_to_this_machine_only():
    options = parse_options([])
    assert options == ServerOptions()
    assert (options.model, options.host, options.port, options.token) == (None, "127.0.0.1", 8501, None)


def test_every_limit_is_a_flag():
    given = {name: field.default + 1 for name, field in ServerLimits.model_fields.items()}
    options = parse_options([f"--{name}={value}" for name, value in given.items()])
    assert options.limits.model_dump() == given
    assert parse_options(["--max_body", "1_000"]).limits.max_body == 1000


def test_the_help_names_every_flag(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse_options(["--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0
    for flag in (
        "model",
        "model_name",
        "host",
        "port",
        "token",
        "token_file",
        "poll_seconds",
        *ServerLimits.model_fields,
    ):
        assert f"--{flag} " in text
    for name, field in ServerLimits.model_fields.items():
        assert " ".join(field.description.split()[:2]) in text, name
    assert "DEEPFAKE_TOKEN" in text and "exit codes" in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--max_body=0"], "--max_body: must be greater than 0. Given: .0."),
        (["--queue=many"], "--queue: must be a whole number. Given: .many."),
        (["--queue=10"], "queue .10. is less than max_crops .128."),
        (["--model_name=a/b"], "--model_name: may hold only letters.*Given: .a/b."),
        (["--port=70000"], "--port: must be less than or equal to 65535. Given: .70000."),
        (["--poll_seconds=0"], "--poll_seconds: must be greater than 0. Given: .0."),
        (["--token_file=/nowhere"], "--token_file /nowhere: cannot be read .No such file"),
        (["--token="], "--token: a token is"),
        (["--token=a b"], "--token: a token is"),
    ],
)
def test_wrong_values_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        parse_options(arguments)


def test_the_token_comes_from_three_places_and_is_not_shown(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("from-file\n")
    assert parse_options(["--token=from-flag"]).token == "from-flag"
    monkeypatch.setenv("DEEPFAKE_TOKEN", "from-variable")
    assert parse_options([]).token == "from-variable"
    assert parse_options([f"--token_file={tmp_path / 'token'}"]).token == "from-file"
    assert "from-variable" not in repr(parse_options([]))
    monkeypatch.setenv("DEEPFAKE_TOKEN", "")
    with pytest.raises(InputError, match="variable DEEPFAKE_TOKEN"):
        parse_options([])
