"""What was measured, as text, Markdown or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import median

from conv_reference.verification.detection.measured import Alarm, Outcome

FORMATS = ("text", "markdown", "json")
_HEAD = ("fault", "class", "in", "found by", "cases", "seconds", "reduced to", "guard named")


def rendered(outcomes: Sequence[Outcome], alarms: Sequence[Alarm], form: str) -> str:
    """The whole, with its sums at the end.

    Args:
        outcomes: of planted faults.
        alarms: of sound convolutions.
        form: one of ``FORMATS``.
    """
    tables: dict[str, Callable[[Sequence[Outcome], Sequence[Alarm]], Iterator[str]]] = {
        "text": _text,
        "markdown": _markdown,
    }
    if form == "json":
        content = {"faults": [*map(asdict, outcomes)], "sound": [*map(asdict, alarms)]}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return "".join(f"{line}\n" for line in tables[form](outcomes, alarms))


def summary(outcomes: Sequence[Outcome], alarms: Sequence[Alarm]) -> Iterator[str]:
    """One line for the faults, one for their explanations, one for the sound ones."""
    found = [each.found for each in outcomes if each.found is not None]
    for operator in dict.fromkeys(each.operator for each in outcomes):
        own = [each for each in outcomes if each.operator == operator]
        count = sum(each.found is not None for each in own)
        classes = len({each.fault_class for each in own})
        of = "" if operator == "conv2d" else f" of {operator}"
        observed = sum(bool(each.observed) for each in own)
        more = f", {observed} observed" if observed else ""
        yield f"{count} of {len(own)} faults{of} in {classes} classes found{more}"
    for name, why in not_measured(outcomes, alarms):
        yield f"not measured: {name}: {why}"
    if found:
        cases, seconds = (median(each.cases for each in found), median(e.seconds for e in found))
        yield f"median {cases:.0f} cases and {seconds:.1f} s of the processor's time, as planned"
    words = [each.named for each in found if each.named in {"yes", "partly", "no"}]
    if words:
        whole, part = words.count("yes"), words.count("partly")
        yield f"the guard is named in {whole} of {len(words)} findings, a part of it in {part} more"
    if alarms:
        wrong = sum(bool(alarm.check) for alarm in alarms)
        yield f"{wrong} of {len(alarms)} sound convolutions raise an alarm"


def not_measured(outcomes: Sequence[Outcome], alarms: Sequence[Alarm]) -> Iterator[tuple[str, str]]:
    """Of what could not be measured the name, and why."""
    measured: list[Outcome | Alarm] = [*outcomes, *alarms]
    yield from ((each.name, each.failed) for each in measured if each.failed)


def row(outcome: Outcome) -> tuple[str, ...]:
    """One line of the table."""
    own = (outcome.name, outcome.fault_class, outcome.quantity)
    found = outcome.found
    if outcome.failed:
        return (*own, "NOT MEASURED", "", "", "", "")
    if found is None:
        said = "observed" if outcome.observed else "MISSED"
        return (*own, said, f"{outcome.planned}", f"{outcome.seconds:.1f}", "", "")
    reduced = f"{found.geometry} ({found.products} products)" if found.geometry else ""
    return (
        *own, found.check, f"{found.cases}", f"{found.seconds:.1f}", reduced, found.named,
    )  # fmt: skip


def in_full(outcome: Outcome) -> Iterator[str]:
    """All that is known of one."""
    found = outcome.found
    yield f"{outcome.name} ({outcome.fault_class}: {outcome.kind})"
    thread = f" ({outcome.thread})" if outcome.thread else ""
    yield f"  planted in {outcome.quantity}, where: {outcome.guard}{thread}"
    if outcome.failed:
        yield f"  NOT MEASURED: {outcome.failed}"
        return
    if outcome.observed:
        yield f"  observed, and not judged to be wrong: {outcome.observed}"
        return
    if found is None:
        yield f"  MISSED by all {outcome.planned} cases of seed {outcome.seed}"
        return
    yield (
        f"  found by {found.check} in {found.quantity}, {found.dtype}, as case {found.cases} of "
        f"{outcome.planned} after {found.seconds:.1f} s: {found.case}"
    )
    for label, words in (
        ("reduced to", " ".join(filter(None, (found.geometry, found.layout)))),
        ("guessed", found.cause),
        ("in common", found.circumstances),
        ("guard named", found.named),
    ):
        if words:
            wrapped = textwrap.fill(f"{label}: {words}", 96)
            yield textwrap.indent(wrapped, "  ")


def _text(outcomes: Sequence[Outcome], alarms: Sequence[Alarm]) -> Iterator[str]:
    if len(outcomes) == 1:
        yield from in_full(outcomes[0])
        return
    if outcomes:
        rows = [_HEAD, *map(row, outcomes)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for cells in rows:
            yield "  ".join(map(str.ljust, cells, widths)).rstrip()
        yield ""
    for alarm in alarms:
        yield f"{alarm.name}: {alarm.said}"
    yield from summary(outcomes, alarms)


def _markdown(outcomes: Sequence[Outcome], alarms: Sequence[Alarm]) -> Iterator[str]:
    if outcomes:
        yield _cells((*_HEAD, "guard"))
        yield _cells(("---",) * (len(_HEAD) + 1))
        for outcome in outcomes:
            thread = f" ({outcome.thread})" if outcome.thread else ""
            yield _cells((*row(outcome), outcome.guard + thread))
        yield ""
    for alarm in alarms:
        if alarm.check:
            yield f"- {alarm.name}: {alarm.said}"
    for line in summary(outcomes, alarms):
        yield f"- {line}"


def _cells(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
