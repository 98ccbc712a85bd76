"""Fields of a model are flags: every kind of value, and what is wrong with one; the environment is not read."""

import argparse
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from artifacts.errors import InputError
from commands.flags import Flags
from commands.parameters import Parameters


class Shares(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(0.8, description="share of training")
    test: float = 0.2


class Wishes(Parameters):
    count: int = Field(32, ge=1, description="How many, 100 % of them.")
    who: Literal["main", "all"] = Field("main", description="Which ones.")
    exact: bool = Field(False, description="To the last digit.")
    limit: float | None = Field(1.5, description="No more than that; null for any.")
    kinds: tuple[str, ...] = Field((), description="Of these kinds.")
    models: dict[str, str] = Field({}, description="Name -> folder.")
    shares: Shares = Field(Shares(), description="How it is divided.")
    title: str = Field("x", description="Called so.")

    @model_validator(mode="after")
    def _check(self):
        if self.count == 13:
            raise ValueError("count is 13; take another number")
        return self


class Needed(Parameters):
    target: str = Field(description="Where to.")


def read(*arguments, model=Wishes):
    parser = argparse.ArgumentParser(prog="wish", allow_abbrev=False)
    parser.add_argument("--folder")
    flags = Flags(parser, model)
    return flags.read(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("argument", "field", "value"),
    [
        ("--count=4", "count", 4),
        ("--who=all", "who", "all"),
        ("--exact=true", "exact", True),
        ("--limit=null", "limit", None),
        ("--limit=7", "limit", 7.0),
        ('--kinds=["a", "b c"]', "kinds", ("a", "b c")),
        ('--models={"a": "/b"}', "models", {"a": "/b"}),
        ('--shares={"train": 1, "test": 0}', "shares", Shares(train=1, test=0)),
        ("--shares.train=0.5", "shares", Shares(train=0.5)),
        ("--title=2024", "title", "2024"),
        ("--title=null and void", "title", "null and void"),
        ("--title=[a", "title", "[a"),
    ],
)
def test_every_kind_of_value(argument, field, value):
    assert read(argument) == Wishes().model_copy(update={field: value})


def test_without_flags_the_defaults_hold():
    assert read() == Wishes() and type(read("--folder=f")) is Wishes


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--count=0", '--count: must be greater than or equal to 1. Given: "0"'),
        ("--count=many", '--count: must be a whole number. Given: "many"'),
        ("--count=2.5", '--count: must be a whole number. Given: "2.5"'),
        ("--who=some", "--who: must be 'main' or 'all'. Given: \"some\""),
        ("--exact=perhaps", '--exact: must be true or false. Given: "perhaps"'),
        ("--limit=high", '--limit: must be a number. Given: "high"'),
        ("--shares.train=x", '--shares.train: must be a number. Given: "x"'),
        ('--shares={"tran": 1}', "--shares.tran: "),
        ("--models={]", "--models: "),
        ("--count=13", "--count is 13; take another number"),
    ],
)
def test_what_is_wrong_is_said_with_its_flag(argument, sentence):
    with pytest.raises(InputError) as raised:
        read(argument)
    assert str(raised.value).startswith(sentence)


def test_every_problem_has_a_line():
    with pytest.raises(InputError) as raised:
        read("--count=0", "--limit=x")
    assert [line.split(":")[0] for line in str(raised.value).split("\n")] == ["--count", "--limit"]


def test_a_required_one_is_missing():
    with pytest.raises(InputError, match="^--target: is missing$"):
        read(model=Needed)
    assert read("--target=there", model=Needed).target == "there"


def test_the_environment_is_not_read(monkeypatch):
    for name in ("count", "COUNT", "target", "TARGET"):
        monkeypatch.setenv(name, "7")
    assert read() == Wishes()
    with pytest.raises(InputError):
        read(model=Needed)


def test_other_arguments_and_groups_are_left_alone(capsys):
    parser = argparse.ArgumentParser(prog="wish", allow_abbrev=False)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--shared")
    flags = Flags(parser.add_argument_group("what is wished"), Wishes)
    parsed = parser.parse_args(["a'b.png", "[c", "--shared={x", "--count=3"])
    assert flags.read(parsed) == Wishes(count=3) and parsed.paths == ["a'b.png", "[c"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "what is wished:" in capsys.readouterr().out


def test_help_has_each_flag_with_its_default(capsys):
    with pytest.raises(SystemExit) as stopped:
        read("--help")
    told = " ".join(capsys.readouterr().out.split())
    assert stopped.value.code == 0
    for words in (
        "--count INTEGER How many, 100 % of them. (default: 32)",
        "--who {main,all} Which ones. (default: main)",
        "--limit NUMBER No more than that; null for any. (default: 1.5)",
        "--shares.train NUMBER share of training (default: 0.8)",
    ):
        assert words in told


def test_help_speaks_of_values_and_not_of_types(capsys):
    parser = argparse.ArgumentParser(prog="p")
    Flags(parser, Wishes)
    shown = " ".join(parser.format_help().split())
    for words in ("--count INTEGER", "--limit NUMBER", "--exact {true,false}", "--who {main,all}", "--title TEXT"):
        assert words in shown
    for words in ("--kinds JSON", "--models JSON", "(default: [])", "the options below together, as a JSON object"):
        assert words in shown
    assert "tuple[" not in shown and "(default: ())" not in shown and "set shares from" not in shown
    group = argparse.ArgumentParser(prog="p").add_argument_group("g")
    Flags(group, Wishes)
    assert {action.metavar for action in group._group_actions} >= {"INTEGER", "NUMBER", "JSON"}


def test_json_that_is_none_is_named_with_its_place():
    with pytest.raises(InputError, match=r"^--shares: is not JSON \(Expecting value at character 11\)\. Lists"):
        read('--shares={"train": x}')
