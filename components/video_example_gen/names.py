"""Who is in a video, by its name in the data sets that others are made from."""

import re

# Names of FaceForensics++, DeepFakeDetection, Celeb-DF, DeeperForensics, the DFDC preview and UADFV: "first" is whose
# film it is, "second" whose face or motion it has. Numbers of different sets must not meet, so people get a prefix.
PATTERNS = (
    (r"(?P<first>\d{3})(?:_(?P<second>\d{3}))?", "ff", "ff"),
    (r"(?P<first>\d\d)(?:_(?P<second>\d\d))?__.+", "actor", "actor"),
    (r"id(?P<first>\d+)_(?:id(?P<second>\d+)_)?\d{4}(?:_.*)?", "celeb", "celeb"),
    (r"(?P<first>\d{3})_(?P<second>[A-Z]\d{3})", "ff", "deeper"),
    (r"(?:(?P<second>\d+)_)?(?P<first>\d+)_[A-Z]_\d+", "preview", "preview"),
    (r"(?P<first>\d{4})(?P<second>)(?:_fake)?", "uadfv", ""),
)


def people_of(name: str) -> tuple[str, ...]:
    """Return the people in a video; a name of no known form stands for itself, so that its frames stay together.

    Args:
        name: of the video, without folder and extension.

    Returns:
        At least one name, such as ("ff000", "ff003") for 000_003: whose film it is, then whose face or motion it has.
    """
    for pattern, first, second in PATTERNS:
        match = re.fullmatch(pattern, name)
        if match:
            people = (first + match["first"], second + match["second"] if match["second"] else "")
            return tuple(dict.fromkeys(person for person in people if person))
    return (name,)
