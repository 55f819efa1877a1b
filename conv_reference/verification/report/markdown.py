"""The report for a pull request's summary, as GitHub writes Markdown, and its annotations.

Nothing that comes from the target is Markdown. Inline it is code, between backticks where it cannot
leave them and else with every sign as an entity; plain words are text; in blocks it stands in a
fence longer than any that it holds. There neither markup nor mentions, references and links are
read.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from conv_reference.verification.model.result import Finding, Report, Verdict
from conv_reference.verification.report._refused import not_put, unsupported
from conv_reference.verification.report._source import source
from conv_reference.verification.report.calling import calling
from conv_reference.verification.report.derivation import derivation
from conv_reference.verification.report.groups import Group, few, groups
from conv_reference.verification.report.plain import counted, one_line, printable
from conv_reference.verification.report.summary import (
    asked,
    headline,
    provenance,
    remarks,
)
from conv_reference.verification.report.table import Cell, Table, table
from conv_reference.verification.report.view import PLAIN, Top, View

_MOST_OPEN = 5  # findings; the others, and what is known, are folded
_MOST_GROUPS = 20  # a summary holds a megabyte, a comment 65,536 characters
_MOST_ANNOTATIONS = 10  # of one kind and step: GitHub drops the rest without a word
_MOST_CHARACTERS = 4_000  # of one block


SUFFIXES = (".md", ".markdown")


def render(report: Report, view: View = PLAIN) -> str:
    """The report in GitHub's Markdown: the verdict, the findings, the table folded."""
    blocks = _blocks(report) if view.top is None else _beneath(view.top, report)
    return "\n\n".join(blocks) + "\n"


def _beneath(top: Top, report: Report) -> Iterator[str]:
    """What a gate saw: what changed is shown, and the table is not."""
    mark = {"wrong": "❌", "unchecked": "⚠️", "right": "✅"}[top.state]
    yield f"### {mark} {code(report.target)}: {top.headline}"
    for title, lines in top.sections:
        if lines:
            yield f"**{title}**"
            yield "\n".join(f"- {code(line)}" for line in lines)
    yield from details(top.findings)
    last = [top.footnote, *map(prose, asked(report)), code(provenance(report))]
    yield f"<sub>{'<br>'.join(last)}</sub>"


def details(findings: Iterable[Finding]) -> Iterator[str]:
    """The findings by cause: the first are open, each further one is folded under its title."""
    gathered = groups(findings)
    numbered = len(gathered) > 1
    for group in gathered[:_MOST_GROUPS]:
        yield from _finding(group, numbered=numbered)
    if len(gathered) > _MOST_GROUPS:
        yield f"… and {counted(len(gathered) - _MOST_GROUPS, 'further finding')}."


def annotations(report: Report, level: str = "error") -> list[str]:
    """Workflow commands that make GitHub show the findings beside the code; ten at the most.

    They name a file where the target does.

    Args:
        report: whose findings they are.
        level: error or warning; a known defect is a notice whatever is asked for, and a target that
            is merely permissive a warning.
    """
    commands = [_annotation(report, group, level) for group in groups(report.findings)]
    if len(commands) > _MOST_ANNOTATIONS:
        left = counted(len(commands) - _MOST_ANNOTATIONS + 1, "further finding")
        commands[_MOST_ANNOTATIONS - 1 :] = [f"::{level} title=conv-reference::{left}"]
    return commands


def code(text: str) -> str:
    """Text of the target on one line, as code in which nothing is markup."""
    line = one_line(text)
    return f"`{line}`" if line and not _LEAVES.search(line) else _in_html(line, _entities)


def prose(text: str) -> str:
    """A sentence on one line as text where it is plain words, and else as code."""
    line = one_line(text)
    return _plain(line) if _WORDS.fullmatch(line) and not _LINKS.search(line) else code(line)


def quoting(text: str) -> str:
    """Sentences with lines of source between backticks: these are code, and the words are text."""
    parts = one_line(text).split("`")
    if len(parts) % 2 == 0:  # one is not closed
        return prose(text)
    return "".join(code(p) if number % 2 else _between(p) for number, p in enumerate(parts))


def _between(text: str) -> str:
    """What stands between two quotations, its outer signs as they are."""
    words = text.strip(_OUTER)
    before, after = text.split(words, 1) if words else (text, "")
    return before + (prose(words) if words else "") + after


def fenced(text: str, language: str = "text") -> str:
    """Text of the target as a block of code that it cannot leave."""
    content = printable(text).strip("\n")
    if len(content) > _MOST_CHARACTERS:
        content = content[:_MOST_CHARACTERS] + "\n…"
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"


# What ends code or a table's cell, and what would be a mention or a link were it not in code.
_LEAVES = re.compile(r"[`|@\\]|://")
_LINKS = re.compile(r"www\.|GH-", re.IGNORECASE)
# Words and numbers between signs that mean nothing where they stand, or that can be escaped.
_WORDS = re.compile(r"[^\W\d_](?:\w|[ ,.()%;'’…?!/=+×·≤≥≠<>-]|:(?= ))*")
_OUTER = " ,.;:"
_HARMLESS = frozenset(" ,()-=+×·≤")


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in _HARMLESS else f"&#{ord(c)};" for c in text)


def _escaped(text: str) -> str:
    """For a block of HTML, where no Markdown is read: what is markup there, and what links."""
    return re.sub(r"[&<>\"'@`]|:(?=//)", lambda sign: f"&#{ord(sign[0])};", text)


def _in_html(text: str, escape: Callable[[str], str] = _escaped) -> str:
    return f"<code>{escape(one_line(text))}</code>"


def _blocks(report: Report) -> Iterator[str]:
    yield f"### {'✅' if report.passed else '❌'} {code(report.target)}: {headline(report)}"
    yield from map(prose, calling(report))
    yield from details(report.findings)
    checks = table(report)
    if checks.rows:
        notes = "\n".join(f"- {_plain(note)}" for note in checks.footnotes)
        yield from _folded(_tally(checks), filter(None, (_table(checks), notes)))
    for title, reasons in (
        ("Unsupported, so neither right nor wrong:", unsupported(report)),
        ("Not asked, for it cannot be:", not_put(report)),
    ):
        if reasons:
            yield title
            yield "\n".join(f"- {code(names)}: {prose(reason)}" for reason, names in reasons)
    said = [*map(prose, remarks(report)), code(provenance(report))]
    yield "\n".join(f"- {remark}" for remark in said)


def _tally(checks: Table) -> str:
    """``5 checks: 2 wrong, 1 rounded, 2 exact``, each by the worst of its dtypes."""
    verdicts = [{cell.verdict for cell in cells} for _, cells, _ in checks.rows]
    order = [str(v) for v in reversed(Verdict)]
    worst = Counter(next(v for v in order if v in those) for those in verdicts)
    said = ", ".join(f"{worst[v]:,} {v}" for v in order if v in worst)
    return f"{counted(len(checks.rows), 'check')}: {said}"


def _folded(summary: str, blocks: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{summary}</summary>"
    yield from blocks
    yield "</details>"


def _plain(text: str) -> str:
    """Our own words, whose signs are no markup either."""
    return re.sub(r"([*_<>|`\[\]])", r"\\\1", text)


def _table(checks: Table) -> str:
    head = ["check", *map(code, checks.dtypes), "cases"]
    lines = [_row(head), _row(["---"] * (len(head) - 1) + ["---:"])]
    for name, cells, cases in checks.rows:
        lines.append(_row([code(name), *map(_cell, cells), "" if cases is None else f"{cases:,}"]))
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    said = _plain(str(cell))
    return said if cell.right else f"**{said}**"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _finding(group: Group, *, numbered: bool) -> Iterator[str]:
    first = group.first
    word = first.word.upper() if first.known is None else f"known, {first.word}"
    number = f"{group.number}. " if numbered else ""
    if first.known is None and group.number <= _MOST_OPEN:
        yield f"#### {number}{word}: {code(group.title)}"
        yield from _about(group)
    else:
        yield from _folded(f"{number}<b>{word}</b>: {_in_html(group.title)}", _about(group))


def _about(group: Group) -> Iterator[str]:
    first = group.first
    if first.known is not None:
        yield f"A known defect: {code(first.known)}"
    yield fenced(first.explanation)
    if first.grids:
        yield fenced(first.grids)
    if first.cause:
        yield prose(first.cause)
    if group.likewise:
        yield "\n".join(f"- and likewise in {code(place)}" for place in group.likewise)
    yield f"{group.seen.capitalize()} {_codes(group.every_row)}."
    if group.following:
        yield f"From it follow failures of {_codes(group.every_following)}."
    if first.circumstances:
        yield quoting(first.circumstances)
    if first.reproduce:
        yield fenced(first.reproduce, "sh")
    if first.known is None and derivation(first):
        yield "What it should be, derived step by step:"
        yield fenced(derivation(first), "sh")
    if first.snippet:
        yield from _folded("In Python", [fenced(first.snippet, "python")])


def _codes(names: Iterable[str]) -> str:
    """The first of the names as source, and how many more there are in words."""
    first, more = few(names)
    return ", ".join([*map(code, first), *filter(None, [more])])


def _annotation(report: Report, group: Group, level: str) -> str:
    first = group.first
    if first.verdict == Verdict.PERMISSIVE and not report.strict:
        level = "warning"
    level = level if first.known is None else "notice"
    properties = {"title": f"{first.verdict}: {group.title}"}
    if printable(report.target).partition("@")[0].rpartition(":")[0].endswith(".py"):
        path, line = source(report.target)
        properties = {"file": path, "line": str(line)} | properties
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    message = "\n".join(part for part in (first.explanation, first.reproduce) if part)
    return f"::{level} {listed}::{_data(printable(message))}"


def _data(text: str) -> str:
    """As GitHub's toolkit escapes the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As GitHub's toolkit escapes a property of a command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


__all__ = ["annotations", "code", "details", "fenced", "prose", "quoting", "render"]
