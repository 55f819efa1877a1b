"""Check your own: the layer as the book has it, judged, mended and judged again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from conv_reference.chapter.own import book
from conv_reference.chapter.own.check import Checked, check
from conv_reference.chapter.own.mend import mended
from conv_reference.chapter.own.words import conclusion, verdict
from conv_reference.chapter.parts.material import Gettext, Material

_BUDGET = 0.05  # seconds for each dtype: some hundred cases


@dataclass(frozen=True)
class Own:
    """The book's layer, as it is and mended."""

    before: Checked
    after: Checked

    @classmethod
    def compute(cls, material: Material) -> Own:  # noqa: ARG003 (code needs no images)
        """Judge both."""
        before, after = (_checked(source) for source in (book.LAYER, mended(book.LAYER, book.NAME)))
        return cls(before, after)

    @property
    def layer(self) -> str:
        """The layer's source."""
        return book.LAYER

    def rows(self, _: Gettext) -> list[tuple[str, str, str]]:
        """A dtype, what is said of the layer as it is, and of the mended one."""
        return [
            (one.name, verdict(one, _), verdict(other, _))
            for one, other in zip(self.before.answers, self.after.answers, strict=True)
        ]

    def conclusion(self, _: Gettext) -> str:
        """What is to be mended."""
        return conclusion(self.before, _)

    def figures(self, _: Gettext) -> dict[str, Figure]:
        """None: code and what is said of it."""
        return {}


def _checked(source: str) -> Checked:
    names: dict[str, Any] = {"__name__": "my_layer"}
    exec(compile(source, "my_layer.py", "exec"), names)
    return check(names[book.NAME], book.NAME, source, budget=_BUDGET)
