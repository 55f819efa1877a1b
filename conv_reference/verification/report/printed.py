"""The report that ``verify`` returns: it prints itself as the command does."""

from __future__ import annotations

from html import escape

from conv_reference.verification.model.result import Report
from conv_reference.verification.report import renderer
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.report.summary import headline
from conv_reference.verification.report.text import render
from conv_reference.verification.report.view import PLAIN


class PrintedReport(Report):
    """A report that is text where it is printed, and a page in a notebook."""

    def __str__(self) -> str:
        """The report as the command prints it."""
        return render(self).rstrip("\n")

    def __repr__(self) -> str:
        """The verdict, which is the first line of the whole that ``print(report)`` shows."""
        return f"<Report of {one_line(self.target)}: {headline(self)}>"

    def _repr_html_(self) -> str:
        """The page in a frame of its own, where its styles touch nothing else."""
        page = escape(renderer("html")(self, PLAIN))
        style = "width: 100%; height: 36em; border: 0"
        return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'
