"""What a cell of the notebook shows: a part of the page, in a frame of its own."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from html import escape
from typing import Any

from conv_reference.chapter.language import translations
from conv_reference.chapter.own.check import check
from conv_reference.chapter.own.words import words
from conv_reference.chapter.page import Page, render
from conv_reference.chapter.parts import PARTS
from conv_reference.chapter.parts.material import Material, Part


@dataclass(frozen=True, repr=False)
class Section:
    """One part of the page, computed."""

    name: str
    part: Part  # its numbers, to go on with
    language: str
    quick: bool

    def _repr_html_(self) -> str:
        """The part as the page has it; in a frame, so that neither's styles reach the other."""
        page = render(
            Page(
                language=self.language,
                options=(),
                images=0,
                quick=self.quick,
                source="",
                genuine=True,
                minutes=0.0,
                versions=platform.python_version(),
                sections={self.name: self.part},
                embedded=True,
            )
        )
        # Without it, links to the page's own places would load the notebook into the frame.
        page = page.replace("<head>", '<head><base href="about:srcdoc">', 1)
        style = "width: 100%; height: 80vh; border: 0"
        return f'<iframe srcdoc="{escape(page)}" title="{self.name}" style="{style}"></iframe>'

    def __repr__(self) -> str:
        return f"section({self.name!r}, material, {self.language!r})"


def section(name: str, material: Material, language: str = "en") -> Section:
    """Compute a part of the page from the images.

    Args:
        name: as ``conv-reference chapter --only`` takes it.
        material: the images, and how much is computed.
        language: of the text, en or he.

    Raises:
        ValueError: when there is no such part, or it cannot be computed.
    """
    if name not in PARTS:
        raise ValueError(f"the part must be one of {tuple(PARTS)}, got {name!r}")
    return Section(name, PARTS[name].compute(material), language, material.plan.quick)


def own(layer: Any, language: str = "en") -> None:
    """Hold a layer that was written in the notebook against the definition, and print what it is.

    Args:
        layer: a class or function.
        language: of what is printed, en or he.

    Raises:
        ValueError: when it cannot be asked.
    """
    name = getattr(layer, "__name__", type(layer).__name__)
    print(words(check(layer, name), translations(language).gettext))
