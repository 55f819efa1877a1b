"""The JSON report of one framework's run, as far as the table needs it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conv_reference.verification.model.result import FAILURES, Verdict, worst
from conv_reference.verification.reading import catalogue

_NEEDED = ("target", "verdict", "passed", "environment", "seed", "planned", "judged", "checks")


@dataclass(frozen=True)
class Found:
    """A finding, as a reader of the table needs it."""

    rows: tuple[str, ...]  # in which it shows, that of its own check first
    title: str  # quantity, dtype and geometry
    explanation: str  # may have several lines
    reproduce: str
    known: bool


@dataclass(frozen=True)
class Bits:
    """The precision of the row and dtype that falls the farthest short."""

    effective: float
    expected: float  # that the dtype should give

    @classmethod
    def least(cls, rows: Iterable[Mapping[str, Any]]) -> Bits | None:
        """That of these rows; None where every element was exact."""
        pairs = ((row.get("effective_bits"), row.get("expected_bits")) for row in rows)
        known = [cls(bits, most) for bits, most in pairs if bits is not None and most is not None]
        return max(known, key=lambda bits: bits.expected - bits.effective, default=None)


@dataclass(frozen=True)
class Cell:
    """What a framework did in one group of checks."""

    verdict: Verdict
    answered: int  # rows in a dtype that are not unsupported
    asked: int  # at least 1
    bits: Bits | None
    known: bool  # whether all that is wrong is a known defect
    timed_out: bool  # whether all of it that crashed only did not return in time
    finding: int | None  # the place of the first that shows in it, among those of the run


@dataclass(frozen=True)
class Run:
    """One framework's run."""

    name: str  # the framework's, with its version; else that of the target
    target: str
    verdict: Verdict
    timed_out: bool  # whether all that crashed only did not return in time
    passed: bool
    judged: int  # cases that have a verdict
    refused: int  # further cases
    planned: int
    cut: bool  # whether the time, or an interrupt, kept it from some of these
    seed: int
    seconds: float | None
    bits: Bits | None
    cells: Mapping[str, Cell]  # by group; a group that is not there has no answer
    unreached: frozenset[str]  # groups of which the time, or an interrupt, left cases over
    findings: tuple[Found, ...]  # one for each cause
    failure: str = ""  # why there was no run at all, in one line


def read(path: Path) -> Run:
    """A report that ``verify --format json`` wrote.

    Raises:
        OSError: when the file cannot be read; it names the file.
        ValueError: when it is no such report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OSError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is no JSON: {error}") from None
    lacking = [key for key in _NEEDED if not isinstance(report, dict) or key not in report]
    if lacking:
        raise ValueError(
            f"{str(path)!r} is no report of verify --format json: it lacks {', '.join(lacking)}"
        )
    try:
        return run_of(report)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{str(path)!r} is no report of verify --format json: {type(error).__name__}: {error}"
        ) from None


def run_of(report: Mapping[str, Any]) -> Run:
    """The run of a report's JSON; see ``report/schema.json``."""
    findings = _findings(report.get("findings", ()))
    refused = int(report.get("refused", 0))
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for check in report["checks"]:
        if not check.get("not_asked", False):
            by_group.setdefault(_group(check["name"]), []).append(check)
    return Run(
        name=str(report["environment"].get("framework", report["target"])),
        target=str(report["target"]),
        verdict=Verdict(report["verdict"]),
        timed_out=_timed_out(report["checks"]),
        passed=bool(report["passed"]),
        judged=int(report["judged"]) - refused - int(report.get("silent", 0)),
        refused=refused,
        planned=int(report["planned"]),
        cut=int(report["judged"]) + len(report.get("unjudged", ())) < int(report["planned"]),
        seed=int(report["seed"]),
        seconds=report.get("seconds"),
        bits=Bits.least(map(_judged, report["checks"])),
        cells={group: _cell(group, rows, findings) for group, rows in by_group.items()},
        unreached=frozenset(map(_group, report.get("unreached", ()))),
        findings=findings,
    )


def failed(target: str, why: str) -> Run:
    """One that could not be carried out: the adapter, or its environment, failed.

    Args:
        target: that was to be run.
        why: it was not.
    """
    return Run(
        name=target,
        target=target,
        verdict=Verdict.UNSUPPORTED,
        timed_out=False,
        passed=False,
        judged=0,
        refused=0,
        planned=0,
        cut=False,
        seed=0,
        seconds=None,
        bits=None,
        cells={},
        unreached=frozenset(),
        findings=(),
        failure=why,
    )


def named_apart(runs: Iterable[Run]) -> list[Run]:
    """The runs; where several have one name, each with what tells it from the others.

    That is the adapter's class or, where these are the same too, its place among the runs.
    """
    every = [*runs]
    alike = {name for name, times in Counter(run.name for run in every).items() if times > 1}
    classes = Counter((run.name, _class_of(run)) for run in every)
    return [
        replace(
            run,
            name=f"{run.name} {_class_of(run)}"
            if classes[run.name, _class_of(run)] == 1
            else f"{run.name}, run {place}",
        )
        if run.name in alike
        else run
        for place, run in enumerate(every, start=1)
    ]


def _class_of(run: Run) -> str:
    return run.target.rpartition(":")[2]


def _group(name: str) -> str:
    """The group of a row or a check; one that another version had is its own."""
    entries = catalogue.entries()
    return next((entry.group for entry in entries if name in {entry.name, entry.check}), name)


def _judged(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row; without its bits where it is unsupported, of which they say nothing."""
    return {} if row["verdict"] == Verdict.UNSUPPORTED else row


def _timed_out(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether there are some that crashed, and each of these only did not return in time."""
    crashed = [row for row in rows if row["verdict"] == Verdict.CRASHED]
    return bool(crashed) and all(row.get("timed_out", False) for row in crashed)


def _cell(group: str, rows: list[Mapping[str, Any]], findings: tuple[Found, ...]) -> Cell:
    verdicts = [Verdict(row["verdict"]) for row in rows]
    answered = [verdict for verdict in verdicts if verdict != Verdict.UNSUPPORTED]
    failing = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict in FAILURES]
    known = bool(failing) and all(row.get("known") for row in failing)
    showing = [n for n, one in enumerate(findings) if group in map(_group, one.rows)]
    # A known one says nothing of why the cell is wrong.
    new = [n for n in showing if known or not findings[n].known]
    return Cell(
        verdict=worst(answered),
        answered=len(answered),
        asked=len(rows),
        bits=Bits.least(map(_judged, rows)),
        known=known,
        timed_out=_timed_out(rows),
        finding=next(iter(new or showing), None),
    )


def _findings(listed: Iterable[Mapping[str, Any]]) -> tuple[Found, ...]:
    """The first of each cause, with the rows of all."""
    by_cause: dict[Any, list[Mapping[str, Any]]] = {}
    for number, one in enumerate(listed):
        by_cause.setdefault(one.get("group", f"alone {number}"), []).append(one)
    return tuple(map(_found, by_cause.values()))


def _found(alike: list[Mapping[str, Any]]) -> Found:
    first = alike[0]
    rows = (str(name) for one in alike for name in (one["check"], *one.get("also", ())))
    return Found(
        rows=tuple(dict.fromkeys(rows)),
        title=f"{first['quantity']} in {first['dtype']} on {first['geometry']}",
        explanation=str(first["explanation"]),
        reproduce=str(first["reproduce"]),
        known=bool(first.get("known")),
    )
