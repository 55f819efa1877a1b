"""The templates of the HTML page, and the parts that go into it as they are."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Where the templates are found; what is put into them is escaped."""
    return Environment(
        loader=PackageLoader("analytic.render", "_html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def part(name: str) -> str:
    """A style sheet's or a script's text."""
    return files("analytic.render").joinpath("_html", name).read_text(encoding="utf-8")
