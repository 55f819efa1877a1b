"""Markdown with dollar mathematics: GitHub, Jupyter, GitLab, Obsidian, pandoc."""

from __future__ import annotations

from gettext import NullTranslations

from analytic.render._markdown import MarkdownWriter
from analytic.telling.document import Document


def render(document: Document, translations: NullTranslations) -> str:
    """Write the document as Markdown."""
    return MarkdownWriter(document, translations).text()
