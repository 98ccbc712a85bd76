"""absl's errors about flags in the words of the other commands."""

import re

from absl import flags

from commands.parser import nearest

WORDS = (
    (r"flag --(\w+)=None: Flag --\w+ must have a value.*", r"--\1 is missing"),
    (r"Missing value for flag (--\w+)", r"\1: a value is missing, as in \1=VALUE"),
    (r"Unknown command line flag '([^']*)'\. Did you mean: (\w+).*", r"unknown option --\1; did you mean --\2?"),
    (r"Unknown command line flag '([^']*)'.*", r"unknown option --\1"),
    (r"flag (--\w+)=(.*): invalid literal for int\(\).*", r'\1: must be a whole number. Given: "\2"'),
    (r"flag (--\w+)=(.*): could not convert string to float.*", r'\1: must be a number. Given: "\2"'),
    (r"flag (--\w+)=(.*): \('Non-boolean argument.*", r'\1: must be true or false. Given: "\2"'),
    (r"flag (--\w+)=(.*): .* is not a positive integer", r"\1: must be greater than 0. Given: \2"),
)


def in_words(error: flags.Error) -> str:
    """Return what is wrong with a flag, as `--steps: must be a whole number. Given: "x"`; others as absl says it."""
    text = str(error)
    if choice := re.fullmatch(r"flag (--\w+)=(.*): value should be one of <(.*)>", text, re.DOTALL):
        flag, given, known = choice.groups()
        near = nearest(given, known.split("|"), 0.6)
        hint = f"; did you mean {near!r}?" if near else ""
        return f'{flag}: must be one of {known.replace("|", ", ")}. Given: "{given}"{hint}'
    for pattern, words in WORDS:
        if re.fullmatch(pattern, text, re.DOTALL):
            return re.sub(pattern, words, text, count=1, flags=re.DOTALL)
    return text
