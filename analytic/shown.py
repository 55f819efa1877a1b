"""A document that a notebook shows as a page."""

from __future__ import annotations

from dataclasses import dataclass
from gettext import NullTranslations
from html import escape

from analytic.render import FormatError, renderer
from analytic.telling.document import Document


@dataclass(frozen=True)
class Shown(Document):
    """A document that shows itself."""

    @classmethod
    def of(cls, document: Document) -> Shown:
        """The same document, which now does."""
        return cls(document.title, document.steps, document.facts, document.derivation)

    def _repr_html_(self) -> str | None:
        """How a notebook shows it: a page in a frame, so that neither's styles reach the other."""
        page = self._printed("html")
        if page is None:
            return None
        # Without it the page's links to its own steps would load the notebook into the frame.
        page = page.replace("<head>", '<head><base href="about:srcdoc">', 1)
        style = "width: 100%; height: 80vh; border: 0"
        return f'<iframe srcdoc="{escape(page)}" style="{style}"></iframe>'

    def _repr_latex_(self) -> str | None:
        """How a notebook that becomes a LaTeX document shows it."""
        return self._printed("latex", fragment=True)

    def _printed(self, name: str, *, fragment: bool = False) -> str | None:
        try:
            return renderer(name, fragment=fragment)(self, NullTranslations())
        except FormatError:
            return None  # a library is missing: the notebook goes on with the next format
