"""How a report is shown: by itself, or as what a gate saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from conv_reference.verification.model.notes import Note, NoteKind, Unjudged
from conv_reference.verification.model.result import Finding, Report


@dataclass(frozen=True)
class Item:
    """What is a test of its own where there are such, as in JUnit's XML."""

    name: str
    kind: str = ""  # of what went wrong; empty where it passed
    message: str = ""
    findings: Sequence[Finding] = ()
    fails: bool = True  # else it is reported, and skipped


@dataclass(frozen=True)
class Top:
    """What stands above a report, and which findings below it, where it is not alone."""

    state: str  # right, wrong or unchecked: a colour
    mark: str  # one or two words
    headline: str
    sections: Sequence[tuple[str, Sequence[str]]] = ()  # titles, and lines that are made printable
    findings: Sequence[Finding] = ()
    tests: Sequence[Item] = ()
    unjudged: Sequence[Unjudged] = ()  # what the engine itself failed on
    footnote: str = ""
    key: str = ""  # under which machines read `content`
    content: Mapping[str, Any] = field(default_factory=dict)  # plain objects

    def over(self, report: Report) -> Report:
        """Both in one report, for formats that know of nothing above it."""
        lines = [self.headline, *(f"{t}: {line}" for t, those in self.sections for line in those)]
        notes = (*(Note(NoteKind.OBSERVED, line) for line in lines), *report.notes)
        return replace(report, findings=tuple(self.findings), notes=notes)


@dataclass(frozen=True)
class View:
    """How it is shown."""

    verbose: bool = False  # else rows that are exact everywhere are one line
    status: int | None = None  # of the command, shown with the verdict
    top: Top | None = None


PLAIN = View()


def status_of(report: Report, *, require_modes: bool = False) -> int:
    """The exit status of a command that ends with this report.

    Args:
        report: of its run.
        require_modes: whether it fails where a check is unsupported, in whole or in part.

    Returns:
        0 nothing wrong, 1 something is wrong, 2 nothing that was judged is wrong, but the
        engine itself failed on some cases, 130 interrupted.
    """
    if report.interrupted:
        return 130
    refused = require_modes and any(check.has_refusals for check in report.checks)
    if refused or not report.is_right or report.unexpected or report.is_barely_tried:
        return 1
    return 2 if report.unjudged else 0


@dataclass(frozen=True)
class Shown:
    """What a command shows."""

    report: Report
    view: View
    annotations: Sequence[str]  # workflow commands, for GitHub to show beside the code
