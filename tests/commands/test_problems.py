"""pydantic's errors in plain words; those of whole configs are tested with the config."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from commands.problems import of_config, of_flags


class Cat(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["cat"]
    lives: int = Field(9, le=9)
    colours: list[Literal["black", "white"]] = Field(["black"], min_length=1)


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["dog"]
    tricks: list[str] = []


class Zoo(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[\w.-]+$")
    animals: list[Annotated[Cat | Dog, Field(discriminator="type")]] = Field(min_length=1)


def problems(raw):
    with pytest.raises(ValidationError) as raised:
        Zoo.model_validate(raw, strict=True)
    return list(of_config(raised.value, raw, Zoo.model_json_schema()))


CAT = {"type": "cat"}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"name": "a", "animals": [{"type": "cat", "lifes": 3}]},
         "animals.0.lifes: unknown key; did you mean 'lives'? Known here: type, lives, colours"),
        ({"name": "a", "animals": [CAT, {"type": "dog", "tricks": "sit"}]},
         'animals.1.tricks: must be a list [...]. Given: "sit"'),
        ({"name": "a", "animals": [{"lives": 1}]}, 'animals.0: has no "type"; it can be cat, dog. Given: '),
        ({"name": "a", "animals": [{"type": "cats"}]},
         "animals.0: \"type\" must be one of 'cat', 'dog'. Given: {\"type\": \"cats\"}; did you mean 'cat'?"),
        ({"name": "a", "animals": [{"type": "cat", "colours": ["blak"]}]},
         "animals.0.colours.0: must be 'black' or 'white'. Given: \"blak\"; did you mean 'black'?"),
        ({"name": "a", "animals": [{"type": "cow"}]}, "animals.0: \"type\" must be one of 'cat', 'dog'"),
        ({"name": "a b", "animals": [CAT]}, "name: may hold only letters, digits, '.', '_' and '-'. Given: \"a b\""),
        ({"animals": [CAT]}, "name: is missing"),
        ({"name": "a", "animals": []}, "animals: must have at least 1 entries"),
        ({"name": "a", "animals": [CAT], "zzz": 1}, "zzz: unknown key. Known here: name, animals"),
        ({"name": "a", "animals": [{"type": "cat", "lives": 10}]},
         "animals.0.lives: must be less than or equal to 9. Given: 10"),
    ],
)  # fmt: skip
def test_a_sentence_names_the_place_what_is_there_and_what_would_be_right(raw, sentence):
    (only,) = problems(raw)
    assert only.startswith(sentence)


def test_each_problem_has_a_sentence():
    assert len(problems({"name": 5, "animals": [{"type": "cat", "lives": "x"}, {"type": "dog", "old": 1}]})) == 3


def test_a_long_value_is_cut():
    (only,) = problems({"name": "a", "animals": [{"type": "cat", "lives": "x" * 500}]})
    assert len(only) < 150 and only.endswith("...")


def test_of_flags():
    with pytest.raises(ValidationError) as raised:
        Zoo.model_validate({"animals": [{"type": "cat", "lives": "x"}]})
    assert list(of_flags(raised.value)) == [
        "--name: is missing",
        '--animals.0.cat.lives: must be a whole number. Given: "x"',
    ]


def test_of_flags_with_their_values_names_places_as_they_stand_in_the_json():
    raw = {"animals": [{"type": "cat", "lives": "x"}, {}]}
    with pytest.raises(ValidationError) as raised:
        Zoo.model_validate(raw)
    assert list(of_flags(raised.value, (), raw, Zoo.model_json_schema())) == [
        "--name: is missing",
        '--animals.0.lives: must be a whole number. Given: "x"',
        '--animals.1: has no "type"; it can be cat, dog. Given: {}',
    ]
