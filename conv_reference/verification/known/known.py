"""Known defects of released libraries: a readable registry, and what matches it.

An entry of ``known.toml`` says under which conditions a finding is the defect that it
describes; every condition that it names must hold. The predicates are as narrow as the
evidence in ``docs/found``. They are over a convolution; ``faces`` translates them for other
operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from conv_reference.quantities import FIRST_ORDER, LETTERS
from conv_reference.verification.checks import all_checks
from conv_reference.verification.known.entries import KnownError, read
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.predicates import PredicateError, evaluate, require_predicate
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.model.sizes import sizes_of

SHIPPED = Path(__file__).with_name("known.toml")


def _public(target: str) -> str:
    """The name under which torch's layers are known: a class that is given says where it lies."""
    return target.replace("torch.nn.modules.conv:", "torch.nn:")


@dataclass(frozen=True)
class Defect:
    """One known defect; an empty condition always holds."""

    name: str
    summary: str  # one sentence
    link: str  # of the record in docs/found, or of the public thread
    date: str  # on which it was last seen, year-month-day
    targets: tuple[str, ...]  # beginnings of target names
    quantities: tuple[str, ...]  # those that it spoils, keeps, or crashes over
    checks: tuple[str, ...] = ()  # rows of the report
    verdicts: tuple[str, ...] = (Verdict.WRONG.value,)
    actual: tuple[str, ...] = ()  # what is found, where it is nothing else: "nan", "no gradient"
    dtypes: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()  # each "input=sliced"; one of them must occur in the case
    torch: tuple[str, ...] = ()  # beginnings of versions, "2.13."
    environment: tuple[str, ...] = ()  # each "key=text", which occurs there, or "key!=text"
    shows: tuple[str, ...] = ()  # cases that show it, nearly always: they are tried in each run
    harmless_at: str = ""  # the level of oneDNN's instructions at which it does not crash, if any
    geometry: str = ""  # a predicate over sizes: the names are in `sizes`

    def applies(self, target: str, environment: Mapping[str, str]) -> bool:
        """Whether it is to be expected of this target, here."""
        version = environment.get("torch", "")
        return (
            _public(target).startswith(self.targets)
            and (not self.torch or version.startswith(self.torch))
            and all(_holds(condition, environment) for condition in self.environment)
        )

    @cached_property
    def layout_pairs(self) -> frozenset[tuple[str, str]]:
        """The layouts, as operand and name."""
        pairs = (entry.partition("=") for entry in self.layouts)
        return frozenset((operand, name) for operand, _, name in pairs)

    @property
    def needs_instructions(self) -> bool:
        """Whether it shows at some of the processor's instructions alone."""
        return any(condition.startswith("instructions") for condition in self.environment)

    @property
    def crashes(self) -> bool:
        """Whether it may take the process along: then it is not provoked more often than needed."""
        return "crashed" in self.verdicts

    def matches(self, case: Case, judgement: Judgement) -> bool:
        """Whether a failure of a target that it applies to is this defect.

        Wrong numbers of its quantities are, and a crash, of which nobody knows what was computed;
        a wrong shape, a missing gradient or a changed argument, or what crashes or raises, is one
        only where the entry says so. Under a setting, by which no case crashes, the processor has
        fewer instructions.
        """
        return (
            self.concerns(case)
            and not (judgement.setting and self.needs_instructions)
            and (not self.checks or judgement.check in self.checks)
            and judgement.verdict.value in self.verdicts
            and (judgement.verdict == Verdict.CRASHED or self._spoils(judgement))
        )

    def _spoils(self, judgement: Judgement) -> bool:
        return judgement.like in self.quantities and (
            judgement.actual in self.actual if self.actual else judgement.of_numbers
        )

    def concerns(self, case: Case) -> bool:
        """Whether the case lies where the defect was seen."""
        if self.dtypes and dtype_name(case.dtype) not in self.dtypes:
            return False
        if self.checks and not _reports(case.check, self.checks):
            return False
        if self.layouts and self.layout_pairs.isdisjoint(case.layouts.items()):
            return False
        return not self.geometry or bool(evaluate(self.geometry, sizes_of(case.geometry)))


def load(path: Path) -> tuple[Defect, ...]:
    """Read a registry.

    Raises:
        KnownError: when it is no TOML, or an entry lacks a field, has a foreign one or a
            predicate that is no comparison of sizes.
        OSError: when it cannot be read.
    """
    return tuple(_defect(path, entry) for entry in read(path))


def _defect(path: Path, entry: Mapping[str, Any]) -> Defect:
    foreign = sorted(set(entry) - {field.name for field in fields(Defect)})
    if foreign:
        raise KnownError(f"{path}: not a field of a known defect: {foreign}")
    values: dict[str, Any] = {}
    for field in fields(Defect):
        if field.name not in entry:
            continue
        value, listed = entry[field.name], field.type != "str"
        texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
        if listed and not texts:
            raise KnownError(f"{path}: {field.name} must be a list of texts, got {value!r}")
        if not listed and isinstance(value, list):
            raise KnownError(f"{path}: {field.name} must be text, got {value!r}")
        values[field.name] = tuple(value) if listed else str(value)
    lacking = [f.name for f in fields(Defect) if f.default is MISSING and f.name not in values]
    if lacking:
        which = values.get("name", "a known defect")
        raise KnownError(f"{path}: {which} lacks {', '.join(lacking)}")
    defect = Defect(**values)
    _quantities(path, defect)
    if defect.geometry:
        _geometry(path, defect)
    for text in defect.shows:
        _shown_case(path, defect, text)
    return defect


def _quantities(path: Path, defect: Defect) -> None:
    known = (*FIRST_ORDER, *LETTERS.values())
    if not defect.quantities or not {*defect.quantities} <= {*known}:
        accepted, given = ", ".join(known), list(defect.quantities)
        raise KnownError(
            f"{path}: {defect.name}: quantities must be one or more of {accepted}, got {given}"
        )


def _geometry(path: Path, defect: Defect) -> None:
    try:
        require_predicate(defect.geometry)
    except PredicateError as error:
        raise KnownError(f"{path}: {defect.name}: {error}") from error


def _shown_case(path: Path, defect: Defect, text: str) -> None:
    try:
        case = Case.parse(text)
    except ValueError as error:
        raise KnownError(f"{path}: {defect.name} shows no case: {error}") from error
    if not defect.concerns(case):
        raise KnownError(f"{path}: {defect.name} does not concern the case that shows it: {text}")


def first_match(defects: Sequence[Defect], case: Case, judgement: Judgement) -> Defect | None:
    """The first defect that a failure is, if any.

    Args:
        defects: in the order in which they are tried.
        case: on which it failed.
        judgement: how.
    """
    return next((defect for defect in defects if defect.matches(case, judgement)), None)


@cache  # called for each case of a run
def _reports(check: str, rows: tuple[str, ...]) -> bool:
    """Whether the check has one of the rows."""
    known = all_checks()
    return check in known and any(row.name in rows for row in known[check].rows)


def _holds(condition: str, environment: Mapping[str, str]) -> bool:
    """Whether an entry of the environment holds the text that is named, or does not."""
    key, _, text = condition.partition("=")
    occurs = text in environment.get(key.removesuffix("!"), "")
    return occurs != key.endswith("!")
