"""The report for a person: the verdict first and last, between them the checks and findings."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace

from conv_reference.verification.model.result import Finding, Report
from conv_reference.verification.report._refused import not_put, unsupported
from conv_reference.verification.report.calling import calling
from conv_reference.verification.report.derivation import derivation
from conv_reference.verification.report.groups import Group, groups
from conv_reference.verification.report.plain import counted, one_line, printable
from conv_reference.verification.report.summary import (
    asked,
    closing,
    headline,
    provenance,
    remarks,
)
from conv_reference.verification.report.table import Table, table
from conv_reference.verification.report.view import PLAIN, Top, View

SUFFIXES = (".txt", ".text", ".log")
WIDTH = 100
_COLUMNS = 4  # dtypes beside one another
_LEAST_NAME = 22  # that a name is given, however many columns there are
_CELL = 15
_MOST_GROUPS = 20


def render(report: Report, view: View = PLAIN) -> str:
    """The report as text, its table in at most 100 columns."""
    lines = (
        _lines(report, view)
        if view.top is None
        else _beneath(view.top, report, verbose=view.verbose)
    )
    return "\n".join([*lines, "", closing(report, view)]) + "\n"


def render_findings(findings: Iterable[Finding]) -> str:
    """Findings alone, grouped by cause, for a message that names the rest itself."""
    return "\n".join(_findings(findings)).strip("\n") + "\n"


def _beneath(top: Top, report: Report, *, verbose: bool) -> Iterator[str]:
    """What a gate saw: what changed is shown; the table of all rows only where it is asked for."""
    yield f"{one_line(report.target)}: {top.headline}"
    yield ""
    for title, lines in top.sections:
        if lines:
            yield f"{title}:"
            yield from (f"  {one_line(line)}" for line in lines)
            yield ""
    if top.findings:
        yield render_findings(top.findings)
    if verbose:
        checks = table(replace(report, findings=tuple(top.findings)))  # which it refers to
        yield "The baseline's own cases:"
        yield from _table(checks)
        yield ""
        for remark in checks.footnotes:
            yield from _wrapped(remark)
    for remark in asked(report):
        yield from _wrapped(remark)
    yield from _wrapped(top.footnote)
    yield from _wrapped(provenance(report))


def _lines(report: Report, view: View) -> Iterator[str]:
    yield f"{one_line(report.target)}: {headline(report)}"
    for line in calling(report):
        yield from _wrapped(line, "  ")
    yield ""
    checks = table(report, fold=not view.verbose)
    if checks.rows:
        yield from _table(checks)
        yield ""
    yield from _findings(report.findings)
    for title, reasons in (
        ("unsupported, so neither right nor wrong:", unsupported(report)),
        ("not asked, for it cannot be:", not_put(report)),
    ):
        if reasons:
            yield title
            for reason, names in reasons:
                yield from _wrapped(f"{names}: {reason}", "  ")
            yield ""
    for remark in (*checks.footnotes, *remarks(report)):
        yield from _wrapped(remark)
    yield from _wrapped(provenance(report))


def _table(checks: Table) -> Iterator[str]:
    longest = max(len("check"), *(len(name) for name, _, _ in checks.rows))
    for start, dtypes in enumerate(_chunks(checks.dtypes, _COLUMNS)):
        columns = slice(start * _COLUMNS, (start + 1) * _COLUMNS)
        shown = [cells[columns] for _, cells, _ in checks.rows]
        widths = [
            max(len(dtype), *(len(str(cells[i])) for cells in shown))
            for i, dtype in enumerate(dtypes)
        ]
        widths = [min(w, _CELL + 1) for w in widths]
        left = WIDTH - sum(wide + 2 for wide in widths) - len("    1,000,000")
        width = min(longest, max(_LEAST_NAME, left))
        yield _row("check", width, dtypes, widths, "cases")
        for (name, _, cases), cells in zip(checks.rows, shown, strict=True):
            yield _row(name, width, map(str, cells), widths, "" if cases is None else f"{cases:,}")


def _row(name: str, width: int, cells: Iterable[str], widths: Iterable[int], cases: str) -> str:
    short = name if len(name) <= width else name[: width - 1] + "…"
    middle = "  ".join(f"{c:<{w}}" for c, w in zip(cells, widths, strict=True))
    return f"  {short:<{width}}  {middle}  {cases:>7}".rstrip()


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    gathered = groups(findings)
    for group in gathered[:_MOST_GROUPS]:
        yield from _group(group, numbered=len(gathered) > 1)
        yield ""
    if len(gathered) > _MOST_GROUPS:
        more = counted(len(gathered) - _MOST_GROUPS, "further finding")
        yield f"… and {more}; the formats json and html show them all."
        yield ""


def _group(group: Group, *, numbered: bool) -> Iterator[str]:
    first = group.first
    word = first.word.upper() if first.known is None else f"KNOWN, {first.word}"
    number = f"{group.number}. " if numbered else ""
    yield f"{number}{word}: {group.title}"
    if first.known is not None:
        yield f"  a known defect: {one_line(first.known)}"
    yield from _indented(first.explanation)
    if first.grids:
        yield from _indented(first.grids, "    ")
    if first.cause:
        yield from _wrapped(one_line(first.cause), "  ")
    for line in group.likewise:
        yield from _wrapped(f"and likewise in {line}", "  ")
    yield from _wrapped(f"{group.seen} {', '.join(group.rows)}", "  ")
    if group.following:
        yield from _wrapped(f"from it follow failures of {', '.join(group.following)}", "  ")
    if first.circumstances:
        yield from _wrapped(one_line(first.circumstances), "  ")
    if first.reproduce:
        yield "  to see it again:"
        yield from _indented(first.reproduce, "    ")
    if first.known is None and derivation(first):
        yield "  what it should be, derived step by step:"
        yield f"    {derivation(first)}"
    if first.snippet and first.known is None:
        yield "  or in Python:"
        yield from _indented(first.snippet, "    ")


def _indented(text: str, margin: str = "  ") -> Iterator[str]:
    lines = printable(text).strip("\n").split("\n")
    return ((margin + line).rstrip() for line in lines)


def _wrapped(text: str, margin: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _chunks(dtypes: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """The dtypes in as many tables as the page's width asks for."""
    left = tuple(dtypes)
    while left:
        yield left[:size]
        left = left[size:]
