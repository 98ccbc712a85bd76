"""Numbers and figures in sentences."""

from collections.abc import Collection


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 video", "2,000 videos".

    Args:
        number: how many.
        noun: for one.
        plural: for none or several, where it is more than an "s" at the end.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def noun(kinds: Collection[str]) -> str:
    """Return what files of these kinds are together, such as "crop" for {"crop"}; "file" for several kinds."""
    return {"video": "video", "image": "picture", "crop": "crop"}[next(iter(kinds))] if len(kinds) == 1 else "file"


def duration(seconds: float) -> str:
    """Return a time in its two largest units: "40 s", "12 min", "49 h 31 min"."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def shown(value: object) -> str:
    """Return a figure as a line of text has it: four digits, lists and objects without their brackets."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(shown, value))
    return str(value)
