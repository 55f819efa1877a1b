"""What every format has in the same words: the first and the last line, the remarks, the seed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from conv_reference.quantities import QUANTITIES
from conv_reference.verification.model.notes import NoteKind
from conv_reference.verification.model.result import (
    AS_FOUND,
    FAILURES,
    FORWARD_ONLY,
    FOUND,
    LEAST_ANSWERED,
    LEAST_SHARE,
    NOT_HANDED,
    CheckResult,
    Finding,
    Report,
    Verdict,
)
from conv_reference.verification.report._refused import NO_DTYPE, is_barely_answered
from conv_reference.verification.report.account import account
from conv_reference.verification.report.groups import Group, groups, rows_of
from conv_reference.verification.report.plain import counted, failed_on, one_line
from conv_reference.verification.report.table import is_right
from conv_reference.verification.report.view import PLAIN, View

_VERSION = re.compile(r"\d+\.\d")
PERMISSIVE = "permissive: it answers arguments for which there is no convolution"
_MOST_UNJUDGED = 5  # a mistake of the engine's shows in many cases, and in all alike


def headline(report: Report) -> str:
    """The verdict in one line."""
    if report.certified:
        return one_line(report.certified)
    parts = [_verdict(report)]
    if report.verdict != Verdict.UNSUPPORTED:
        parts.append(f", {_on(report)}")
    refused = _refused(report)
    if refused:
        parts.append(f", {refused}")
    elif any(_is_refused_in_part(check) for check in report.checks):
        parts.append(", some of them unsupported in part")
    parts.append(_but_known(report) + _permissive(report) + _without_gradients(report))
    raising = dict.fromkeys(check.name for check in report.checks if check.raises)
    if raising:
        named = ", ".join(_raising(name, report) for name in raising)
        parts.append(f"; raises under {named}: not judged there")
    parts.append(_failed(report))
    if report.interrupted:
        parts.append(" (interrupted: this is what is known so far)")
    return "".join(parts)


def _on(report: Report) -> str:
    """On how many cases, and of how many where it was cut."""
    planned = f" of {report.planned:,} planned" if report.was_cut else ""
    return f"on {counted(report.answered, 'case')}{planned}"


def _is_refused_in_part(check: CheckResult) -> bool:
    """Whether it is by a refusal: what raises there is told as a finding, or as "raises under"."""
    in_part = check.unsupported and check.cases and not check.optional
    return bool(in_part) and not (check.raises or check.reason.endswith(AS_FOUND))


def _refused(report: Report) -> str:
    """How many more cases were refused, as the account counts them; empty where nothing is missed.

    The contract does not require some spellings, so a target that lacks no more than these refused
    nothing; nor has one that was spared large sizes, for it is slow.
    """
    missed = report.refused - report.unpromised - report.raising - report.spared
    if report.verdict == Verdict.UNSUPPORTED:
        return ""
    spared = f"{report.spared:,} more too large for its pace" if report.spared else ""
    if not missed:
        return f"with {spared}" if spared else ""
    among = f", {report.spared:,} of them too large for its pace" if spared else ""
    return f"with {report.refused:,} more unsupported{among}"


def _failed(report: Report) -> str:
    """On how many cases the engine itself failed: more than those that were judged, if any were."""
    if not report.unjudged:
        return ""
    noun = "case" if report.verdict == Verdict.UNSUPPORTED else "more case"
    return f"; the engine itself failed on {failed_on(report.unjudged, noun)}"


def _raises(report: Report) -> str:
    """In how many rows, and so not judged there, it raises: the first line names them."""
    rows = {check.name for check in report.checks if check.raises}
    return f"; raises in {counted(len(rows), 'check')}: not judged there" if rows else ""


def _raising(name: str, report: Report) -> str:
    """The row, and in how many of its cases where in some it answers.

    In none of them where a case that raises in one question fails in another, and so has a verdict.
    """
    rows = [check for check in report.checks if check.name == name]
    raised = sum(row.raising for row in rows if row.raises)
    if not raised:
        return f"{name} (in part)"
    put = sum(row.cases + row.unsupported for row in rows)
    return f"{name} ({raised:,} of {counted(put, 'case')})" if raised < put else name


def answered(report: Report) -> str:
    """Where it was judged, as the last line has it; empty where that is everywhere."""
    return f", where {one_line(report.where)}" if report.where else ""


def _but_known(report: Report) -> str:
    _, _, known = _kinds(groups(report.findings), strict=report.strict)
    return f", but for {known}" if known and report.is_right else ""


def numbers(gathered: Sequence[Group], *, strict: bool) -> str:
    """How many findings a list has, above it: ``1, and 4 known defects``.

    Args:
        gathered: the groups of the list.
        strict: whether what is merely permissive fails.
    """
    failing, permissive, known = _kinds(gathered, strict=strict)
    parts = [f"{len(failing):,}"] if failing else []
    parts += [f"{len(permissive):,} permissive"] if permissive else []
    return ", and ".join(filter(None, (", ".join(parts), known)))


def _kinds(gathered: Sequence[Group], *, strict: bool) -> tuple[list[Finding], list[Finding], str]:
    """The findings that fail, those that are permissive alone, and how many are known defects."""
    counts = FOUND if strict else FAILURES
    own = [group.first for group in gathered if group.first.known is None]
    failing = [first for first in own if first.verdict in counts]
    of_known = [group.first.known for group in gathered if group.first.known is not None]
    known = counted(len({*of_known}), "known defect") if of_known else ""
    if len({*of_known}) < len(of_known):  # one defect that shows in several ways
        known += f" in {len(of_known):,} forms"
    return failing, [first for first in own if first.verdict not in counts], known


_GRADIENT_OF = {QUANTITIES[name].row: name for name in ("dX", "dK")}  # db needs a bias


def _without_gradients(report: Report) -> str:
    """What is reported where no gradient was judged: a green speaks of Y alone."""
    by_row: dict[str, set[Verdict]] = {}
    for check in report.checks:
        if check.name in _GRADIENT_OF:
            by_row.setdefault(check.name, set()).add(check.verdict)
    missing = [_GRADIENT_OF[name] for name, seen in by_row.items() if seen == {Verdict.UNSUPPORTED}]
    if missing and any(check.reason == FORWARD_ONLY for check in report.checks):
        return f"; gradients were not asked: {FORWARD_ONLY}"
    lost = [name for name, why in NOT_HANDED.items() if any(c.reason == why for c in report.checks)]
    if lost:
        handed = ", ".join(name for name in NOT_HANDED if name not in lost)
        return f"; of the gradients {handed} only: its backward pass hands no {', '.join(lost)}"
    if not report.is_right or not missing:
        return ""
    return f"; not judged, for it refuses them: {', '.join(missing)}"


def _permissive(report: Report) -> str:
    """What is reported of a permissive target, where that alone fails no run."""
    said = not report.strict and is_permissive(report) and not _is_permissive_alone(report)
    return f"; {PERMISSIVE}" if said else ""


def is_permissive(report: Report) -> bool:
    """Whether it answers what it should refuse, nobody expected it, and no other fault shows so."""
    firsts: dict[tuple[str, str], list[Verdict]] = {}  # of the faults that a row shows in a dtype
    for group in groups(report.findings):
        for finding in group.findings:
            firsts.setdefault((finding.check, finding.dtype), []).append(group.first.verdict)
    own = (c for c in report.checks if c.verdict == Verdict.PERMISSIVE and not c.known)
    return any(Verdict.PERMISSIVE in firsts.get((c.name, c.dtype), [c.verdict]) for c in own)


def _is_permissive_alone(report: Report) -> bool:
    """Whether nothing else was judged."""
    judged = {c.verdict for c in report.checks} - {Verdict.UNSUPPORTED}
    return judged == {Verdict.PERMISSIVE}


def _right(report: Report) -> str:
    """The verdict where nothing is wrong."""
    if report.is_barely_answered:
        least = f"under {LEAST_ANSWERED:.0%} of the cases"
        return f"barely tried: nothing wrong, but {least} were answered"
    if report.is_barely_tried:
        return f"barely tried: nothing wrong, but under {LEAST_SHARE:.0%} of the plan was judged"
    if report.unexpected:
        return f"not as expected: {counted(len(report.unexpected), 'row')} passed"
    if _is_permissive_alone(report):
        return PERMISSIVE
    unknown = [c for c in report.checks if not c.known and c.verdict != Verdict.PERMISSIVE]
    verdict = replace(report, checks=tuple(unknown)).verdict.value
    rounds = any(check.real and check.verdict == Verdict.ROUNDED for check in unknown)
    exact = f"bit for bit{' over integers' if rounds else ''}"  # over real numbers everybody rounds
    right = {"exact": exact, "rounded": "within the rounding bound"}
    return f"right, {right.get(verdict, 'as far as it was checked')}"


def _verdict(report: Report) -> str:
    if report.is_right:
        return _right(report)
    if report.verdict == Verdict.UNSUPPORTED:
        return "nothing was checked"
    failing = [check for check in report.checks if not is_right(check, report)]
    if not any(check.verdict in FOUND for check in failing):
        return "not exact, which was required"
    found = replace(report, checks=tuple(failing))
    word = found.word
    failing_ones, permissive, known = _kinds(groups(report.findings), strict=report.strict)
    # As many as are numbered below: what is permissive is numbered with what is wrong.
    beside = f", {len(permissive):,} permissive" if permissive else ""
    beside += f", and {known}" if known else ""
    number = len(failing_ones)
    said = f"{word} ({counted(number, 'finding')}{beside})" if number else word
    forbidden = ", which does not pass with --strict" if found.verdict == Verdict.PERMISSIVE else ""
    return f"{said}{forbidden}"


def closing(report: Report, view: View = PLAIN) -> str:
    """The last line: the verdict once more, for which dtypes and cases, and the exit status."""
    apart = by_dtype(report) if view.top is None else ""
    alone = _verdict(report) + _tried(report, alike=not apart) + _but_known(report)
    more = "".join(each(report) for each in _ENDING) if view.top is None else ""
    said = alone if view.top is None else view.top.headline
    where = answered(report) if view.top is None else ""
    if view.top is None and report.certified:
        said, apart = headline(report), ""
    status = "" if view.status is None else f"; exit status {view.status}"
    return f"{one_line(report.target)}: {said}{where}{apart and ': '}{apart}{more}{status}"


def _tried(report: Report, *, alike: bool) -> str:
    """In which dtypes, unless they are named already, and on how many cases; empty of none."""
    if report.verdict == Verdict.UNSUPPORTED:
        return ""
    answered = (c for c in report.checks if c.verdict != Verdict.UNSUPPORTED)
    judged = dict.fromkeys(c.dtype for c in answered if c.dtype != NO_DTYPE)
    dtypes = ", ".join(map(one_line, judged)) if alike else ""
    if len(judged) > _MOST_NAMED and alike:
        dtypes = f"{len(judged)} dtypes"
    refused = _refused(report)
    return f"{dtypes and ', in '}{dtypes}, {_on(report)}{refused and ', '}{refused}"


_MOST_NAMED = 4  # dtypes, in the last line
_ENDING = (_permissive, _without_gradients, _raises, _failed)  # of that line


def by_dtype(report: Report) -> str:
    """``right in float32; wrong in float64, float16``; empty where all are alike.

    Beside one that fails only those are called right in which the same was asked.
    """
    found: dict[str, list[str]] = {}
    words = {
        dtype: _word(replace(report, checks=tuple(c for c in report.checks if c.dtype == dtype)))
        for dtype in dict.fromkeys(c.dtype for c in report.checks if c.dtype != NO_DTYPE)
    }
    for dtype, word in words.items():
        found.setdefault(word, []).append(dtype)
    right = found.get(_RIGHT, [])
    failing = [dtype for dtype, word in words.items() if word not in _NOTHING_WRONG]
    apart: dict[str, list[str]] = {}  # of these, by why nothing is known of what fails elsewhere
    for dtype in right if failing else ():
        apart.setdefault(_not_judged(dtype, failing, report), []).append(dtype)
    if _RIGHT in found:
        found[_RIGHT] = right if not failing else apart.pop("", [])
    order = sorted((word for word in found if found[word]), key=lambda word: word != _RIGHT)
    parts = [f"{word} in {_names(found[word])}" for word in order]
    parts += [f"{why} in {_names(dtypes)}" for why, dtypes in apart.items()]
    return "; ".join(parts) if parts[1:] else ""


_RIGHT, _BARELY, _UNCHECKED = "right", "barely tried", "not checked"  # of a dtype
_NOTHING_WRONG = frozenset((_RIGHT, _BARELY, _UNCHECKED))
_NONE_JUDGED = "what fails there was not judged"
_SOME_JUDGED = "not all that fails there was judged"


def _names(dtypes: Sequence[str]) -> str:
    return ", ".join(map(one_line, dtypes))


def _word(alone: Report) -> str:
    """What is reported of one dtype, given its checks alone."""
    failing = tuple(c for c in alone.checks if not is_right(c, alone))
    if alone.verdict == Verdict.UNSUPPORTED:
        return _UNCHECKED
    if not alone.is_right:
        return replace(alone, checks=failing).word
    return _BARELY if is_barely_answered(alone.checks) else _RIGHT


def _not_judged(dtype: str, failing: Sequence[str], report: Report) -> str:
    """How much of what fails in others was not judged in this dtype; empty where all was.

    A fault was where one of the rows in which it shows was; a row may be refused, or not asked.
    """
    bad = {c.name for c in report.checks if c.dtype in failing and not is_right(c, report)}
    there = (c for c in report.checks if c.dtype == dtype and c.verdict != Verdict.UNSUPPORTED)
    judged = {check.name for check in there}
    faults = [
        bad & {row for finding in group.findings for row in rows_of(finding)}
        for group in groups(report.findings)
    ]
    alone = bad - {row for rows in faults for row in rows}  # failing rows without a finding
    sought = [*filter(None, faults), *({name} for name in alone)]
    missed = [rows for rows in sought if not rows & judged]
    if not missed:
        return ""
    return _NONE_JUDGED if missed == sought else _SOME_JUDGED


def asked(report: Report) -> tuple[str, ...]:
    """What a green does not cover: lines that never ran, what was not tried, what cannot be."""
    kinds = {NoteKind.NEVER_RUN, NoteKind.NOT_REQUESTED, NoteKind.NOT_CHECKED}
    return tuple(one_line(str(note)) for note in report.notes if note.kind in kinds)


def remarks(report: Report) -> Iterator[str]:
    """What else is reported of a run, a line each."""
    seen = [note for note in report.notes if note.kind == NoteKind.OBSERVED]
    for number, note in enumerate(seen):
        meant = "" if number else ", and neither right nor wrong"
        yield f"Observed{meant}: {one_line(str(note))}."
    above = {NoteKind.OBSERVED, NoteKind.WARNED}
    yield from (one_line(str(note)) for note in report.notes if note.kind not in above)
    if report.refused or report.silent or report.partly:
        yield account(report)
    if report.coverage is not None and report.verdict != Verdict.UNSUPPORTED:
        c = report.coverage
        pairs, triples = share(c.pairs, c.possible_pairs), share(c.triples, c.possible_triples)
        of = "Combinations of sizes, options, layouts, dtypes and the like that can occur together"
        drawn = "are in the cases drawn for that alone"
        yield f"{of}: of two at a time {pairs} {drawn}, of three {triples}."
    for unjudged in map(str, report.unjudged[:_MOST_UNJUDGED]):
        yield f"Not judged, for the engine itself failed; please report it: {one_line(unjudged)}"
    for row in report.unexpected:
        yield f"Expected to fail, and passed; take it out of the file: {one_line(row)}"
    for name in report.stale:
        yield f"The known defect {one_line(name)} should have shown and did not: is it mended?"


def provenance(report: Report) -> str:
    """What a repetition needs: the seed, the time taken, the environment."""
    took = f", {report.seconds:.1f} s" if math.isfinite(report.seconds) and report.seconds else ""
    environment = ", ".join(f"{key} {value}" for key, value in report.environment.items())
    return one_line(f"seed {report.seed}{took}; {environment}")


def versions(report: Report) -> str:
    """In short what a repetition needs: the seed, and of the environment what has a version."""
    known = {**report.environment}
    kept = [f"{key} {value}" for key, value in known.items() if _VERSION.match(str(value))]
    return one_line(", ".join([*kept, f"seed {report.seed}"]))


def share(part: int, whole: int) -> str:
    """How many of how many, with the percentage where it is not all."""
    if part >= whole:
        return f"all {whole:,}"
    return f"{part:,} of {whole:,} ({100 * part / whole:.1f} %)"
