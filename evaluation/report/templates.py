"""The templates of this folder, as the report and the paper's tables both render them."""

from pathlib import Path

import jinja2


def environment() -> jinja2.Environment:
    """Create the environment of the templates, with their filters for figures and counts."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["figure"] = lambda value: f"{value:.3f}".replace("-", "\u2212")
    made.filters["signed"] = lambda value: f"{value:+.3f}".replace("-", "\u2212")
    made.filters["count"] = lambda value: f"{value:,}"
    return made
