"""Fields of a parameters model as flags of a command line."""

import argparse
import re
from json import JSONDecodeError
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsError

from artifacts.errors import InputError
from commands.problems import of_flags

LONGEST = 36  # characters of a list of choices in place of a value; longer ones go into the help's text
Model = TypeVar("Model", bound=BaseModel)


class Flags(Generic[Model]):
    """The fields of a pydantic model as `--name=value` flags of a parser.

    Values of simple types are given as they are; lists, objects and nested models as JSON, and the fields of a nested
    model also one by one, as `--split_fractions.train=0.7`. Only the command line is read, never the environment.

    Args:
        parser: of the command, or a group of its arguments; gets one flag per field, with the field's description and
            default in its help.
        model: the pydantic model.
    """

    def __init__(self, parser: argparse._ArgumentGroup | argparse.ArgumentParser, model: type[Model]) -> None:
        self.model = model
        settings = type(model.__name__, (model, BaseSettings), {"__module__": __name__, "__doc__": model.__doc__})
        self._source: CliSettingsSource[Any] = CliSettingsSource(
            settings, root_parser=parser, cli_parse_none_str="null", cli_hide_none_type=True, case_sensitive=True
        )
        if isinstance(parser, argparse.ArgumentParser):
            actions = parser._actions
        else:
            actions = parser._group_actions
            for action in actions:  # pydantic-settings escapes "%" for whole parsers only
                action.help = (action.help or "").replace("%", "%%")
        for action in actions:
            action.help = _readable(action.help or "")
            if isinstance(action.metavar, str):
                choices = action.metavar.strip("{}").split(",") if len(action.metavar) > LONGEST else []
                if choices and not all(choice in action.help for choice in choices):
                    action.help = f"{', '.join(choices)}. {action.help}"
                action.metavar = "NAME" if choices else _in_words(action.metavar)

    def read(self, parsed: argparse.Namespace) -> Model:
        """Return the model's instance of the parsed arguments.

        Raises:
            InputError: a value is missing or wrong; one line per problem, each naming its flag.
        """
        raw: dict[str, Any] = {}
        try:
            raw = self._source(parsed_args=self._own(parsed))()
            return self.model.model_validate(raw)
        except ValidationError as error:
            sentences = of_flags(error, self.model.model_fields, raw, self.model.model_json_schema())
            raise InputError("\n".join(sentences)) from error
        except SettingsError as error:  # "Parsing error encountered for <field>: <reason>"
            reason = str(error).removeprefix("Parsing error encountered for ")
            if field := re.match(r'error parsing value for field "([^"]+)"', reason):
                cause = error.__cause__
                place = f" ({cause.msg} at character {cause.pos + 1})" if isinstance(cause, JSONDecodeError) else ""
                reason = f"{field[1]}: is not JSON{place}"
            raise InputError(f"--{reason}. Lists and objects are given as JSON") from error

    def _own(self, parsed: argparse.Namespace) -> argparse.Namespace:
        """Only this model's arguments: pydantic-settings would look for JSON in the lists of others, such as paths."""
        fields = self.model.model_fields
        return argparse.Namespace(**{key: value for key, value in vars(parsed).items() if key.split(".")[0] in fields})


def _readable(text: str) -> str:
    """A help as JSON has it, without pydantic-settings's own words."""
    if text.startswith("set ") and "from JSON string" in text:
        return "the options below together, as a JSON object"
    # Where nothing is the default, the description says what that means.
    return text.replace("(default: ())", "(default: [])").replace(" (default: null)", "")


def _in_words(metavar: str) -> str:
    """What stands for a value in the help, in place of Python's name of its type."""
    if metavar.startswith(("tuple[", "list[", "dict[")):
        return "JSON"
    return {"int": "INTEGER", "float": "NUMBER", "str": "TEXT", "bool": "{true,false}"}.get(metavar, metavar)
