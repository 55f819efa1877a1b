"""The report for a pull request's summary, as GitHub writes Markdown, and its annotations.

Nothing that comes from the target is Markdown: inline it is code with every sign as an entity,
in blocks it stands in a fence longer than any that it holds. There neither markup nor mentions,
references and links are read.
"""

import re
from collections.abc import Iterable, Iterator

from conv_reference.verification.model.result import Finding, Report
from conv_reference.verification.report._plain import one_line, printable
from conv_reference.verification.report._summary import (
    Cell,
    Table,
    asked,
    counted,
    headline,
    provenance,
    remarks,
    table,
    unsupported,
)
from conv_reference.verification.report.derivation import derivation
from conv_reference.verification.report.groups import Group, groups
from conv_reference.verification.report.view import PLAIN, Top, View

_MOST_GROUPS = 20  # a summary holds a megabyte, a comment 65,536 characters
_MOST_ANNOTATIONS = 10  # of one kind and step: GitHub drops the rest without a word
_MOST_CHARACTERS = 4_000  # of one block


SUFFIXES = (".md", ".markdown")


def render(report: Report, view: View = PLAIN) -> str:
    """The report in GitHub's Markdown, the findings folded."""
    blocks = _blocks(report) if view.top is None else _beneath(view.top, report)
    return "\n\n".join(blocks) + "\n"


def _beneath(top: Top, report: Report) -> Iterator[str]:
    """What a gate saw: what changed is told, and the table is not."""
    mark = {"wrong": "❌", "unchecked": "⚠️", "right": "✅"}[top.state]
    yield f"### {mark} {code(report.target)}: {top.headline}"
    for title, lines in top.sections:
        if lines:
            yield f"**{title}**"
            yield "\n".join(f"- {code(line)}" for line in lines)
    yield from details(top.findings)
    last = [top.footnote, *map(code, asked(report)), code(provenance(report))]
    yield f"<sub>{'<br>'.join(last)}</sub>"


def details(findings: Iterable[Finding]) -> Iterator[str]:
    """The findings by cause, each folded under its title."""
    gathered = groups(findings)
    numbered = len(gathered) > 1
    yield from (_details(group, numbered=numbered) for group in gathered[:_MOST_GROUPS])
    if len(gathered) > _MOST_GROUPS:
        yield f"… and {counted(len(gathered) - _MOST_GROUPS, 'further finding')}."


def annotations(report: Report, level: str = "error") -> list[str]:
    """Workflow commands that make GitHub show the findings beside the code; ten at the most.

    They name a file where the target does.

    Args:
        report: whose findings they are.
        level: error or warning; a known defect is a notice whatever is asked for.
    """
    commands = [_annotation(report, group, level) for group in groups(report.findings)]
    if len(commands) > _MOST_ANNOTATIONS:
        left = counted(len(commands) - _MOST_ANNOTATIONS + 1, "further finding")
        commands[_MOST_ANNOTATIONS - 1 :] = [f"::{level} title=conv-reference::{left}"]
    return commands


def code(text: str) -> str:
    """Text of the target on one line, as code in which nothing is markup."""
    return f"<code>{_entities(one_line(text))}</code>"


def fenced(text: str, language: str = "text") -> str:
    """Text of the target as a block of code that it cannot leave."""
    content = printable(text).strip("\n")
    if len(content) > _MOST_CHARACTERS:
        content = content[:_MOST_CHARACTERS] + "\n…"
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"


_HARMLESS = frozenset(" ,()-=+×·≤")


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in _HARMLESS else f"&#{ord(c)};" for c in text)


def _blocks(report: Report) -> Iterator[str]:
    yield f"### {'✅' if report.passed else '❌'} {code(report.target)}: {headline(report)}"
    checks = table(report)
    if checks.rows:
        yield _table(checks)
    yield from details(report.findings)
    reasons = unsupported(report)
    if reasons:
        yield "Unsupported, so neither right nor wrong:"
        yield "\n".join(f"- {code(names)}: {code(reason)}" for reason, names in reasons)
    said = [*map(_plain, checks.footnotes), *map(code, remarks(report))]
    yield "\n".join(f"- {remark}" for remark in [*said, code(provenance(report))])


def _plain(text: str) -> str:
    """Our own words, whose signs are no markup either."""
    return re.sub(r"([*_<>|`\[\]])", r"\\\1", text)


def _table(checks: Table) -> str:
    head = ["check", *map(code, checks.dtypes), "cases"]
    lines = [_row(head), _row(["---"] * (len(head) - 1) + ["---:"])]
    for name, cells, cases in checks.rows:
        lines.append(_row([code(name), *map(_cell, cells), f"{cases:,}"]))
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    said = _plain(str(cell))
    return said if cell.right else f"**{said}**"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _details(group: Group, *, numbered: bool) -> str:
    first = group.first
    word = first.verdict.upper() if first.known is None else f"known, {first.verdict}"
    number = f"{group.number}. " if numbered else ""
    blocks = [f"<details><summary>{number}<b>{word}</b>: {code(group.title)}</summary>"]
    if first.known is not None:
        blocks.append(f"A known defect: {code(first.known)}")
    blocks.append(fenced(first.explanation))
    if first.grids:
        blocks.append(fenced(first.grids))
    if first.cause:
        blocks.append(f"A guess: {code(first.cause)}")
    if group.likewise:
        blocks.append("\n".join(f"- and likewise in {code(place)}" for place in group.likewise))
    seen = f"Seen in {counted(group.occurrences, 'case')}, by {code(', '.join(group.rows))}."
    blocks.append(seen)
    if group.following:
        blocks.append(f"From it follow failures of {code(', '.join(group.following))}.")
    if first.circumstances:
        blocks.append(code(first.circumstances))
    if first.reproduce:
        derived = derivation(first) if first.known is None else ""
        blocks.append(fenced(f"{first.reproduce}\n{derived}".rstrip(), "sh"))
    if first.snippet:
        blocks.append(fenced(first.snippet, "python"))
    return "\n\n".join([*blocks, "</details>"])


def _annotation(report: Report, group: Group, level: str) -> str:
    first = group.first
    level = level if first.known is None else "notice"
    properties = {"title": f"{first.verdict}: {group.title}"}
    path = printable(report.target).rpartition(":")[0]
    if path.endswith(".py"):
        properties = {"file": path} | properties
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    message = "\n".join(part for part in (first.explanation, first.reproduce) if part)
    return f"::{level} {listed}::{_data(printable(message))}"


def _data(text: str) -> str:
    """As GitHub's toolkit escapes the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As GitHub's toolkit escapes a property of a command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


__all__ = ["annotations", "code", "details", "fenced", "render"]
