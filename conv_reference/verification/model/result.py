"""What a verification hands back: verdicts, findings and the report, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from conv_reference.verification.model.difference import Difference
from conv_reference.verification.model.notes import Note, Unjudged
from conv_reference.verification.model.picture import Picture


class Verdict(StrEnum):
    """What was seen, from best to worst."""

    EXACT = "exact"  # agrees bit for bit with the oracle
    ROUNDED = "rounded"  # not exact, within a derived rounding bound
    PERMISSIVE = "permissive"  # answered arguments for which there is no convolution
    UNSUPPORTED = "unsupported"  # declared so; neither right nor wrong
    RAISED = "raised"  # threw on a valid geometry
    WRONG = "wrong"  # outside the bound, or a law or a mode is broken
    CRASHED = "crashed"  # killed the process, or did not return in time


TIMED_OUT = "timed out"  # the word for what crashed, where it only did not return in time
LEAST_SHARE = 0.25  # of the planned cases, below which a run that was cut does not pass
LEAST_ANSWERED = 0.05  # of the judged cases, below which a run does not pass: others were refused
# Why no gradient is requested of a target that has none.
FORWARD_ONLY = "it is forward only, so there is no gradient"
NOT_HANDED = {name: f"its backward pass hands no {name}" for name in ("dX", "dK", "db")}
# The reason of a row that is unsupported where it only raises as a finding says.
AS_FOUND = "raises what a finding reports already"
FAILURES = frozenset({Verdict.RAISED, Verdict.WRONG, Verdict.CRASHED})
FOUND = FAILURES | {Verdict.PERMISSIVE}  # verdicts that a finding may have
_ORDER = {verdict: place for place, verdict in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of the verdicts; unsupported where there is none, for nothing was checked."""
    return max(verdicts, key=_ORDER.__getitem__, default=Verdict.UNSUPPORTED)


def is_worse(verdict: Verdict, than: Verdict) -> bool:
    """Whether one verdict is strictly worse than another."""
    return _ORDER[verdict] > _ORDER[than]


@dataclass(frozen=True)
class Finding:
    """One discrepancy, on the smallest case that still shows it."""

    check: str
    dtype: str
    verdict: Verdict
    quantity: str  # Y, dX, dK, db, or what else the check names
    geometry: str  # its text form
    layout: str  # "contiguous", or what differs from it: "X=sliced G=expanded"
    seed: int
    index: tuple[int, ...]  # the first element that differs; () for a whole tensor
    expected: str
    actual: str
    explanation: str  # may have several lines
    reproduce: str  # a command that shows the same finding
    known: str | None = None  # the known defect that it is: its name in the registry
    case: str = ""  # the text form of the whole case
    snippet: str = ""  # a few lines of Python that show it
    cause: str = ""  # a guess, worded as one; empty without
    circumstances: str = ""  # what the failing cases have in common; empty where that shows little
    occurrences: int = 1  # cases that failed in this way, those of other checks among them
    in_check: int | None = None  # of these, in how many ``check`` itself met it; None of all
    # Both of them again, by the hashes of the cases: two findings may be of the same. Empty where
    # only their number is known.
    cases: frozenset[int] = field(default=frozenset(), repr=False)
    cases_in_check: frozenset[int] = field(default=frozenset(), repr=False)
    also: tuple[str, ...] = ()  # other rows in which the same fault shows
    elsewhere: tuple[tuple[str, str], ...] = ()  # the same in other dtypes: a row, and the dtype
    grids: str = ""  # X, K and G of the smallest case as text, the element marked
    seen: str = ""  # what is wrong in one line, the explanation's first
    of_numbers: bool = True  # whether the answer's numbers are wrong, or the shape they come in
    fault: int = 0  # the fault of the run that it shows, from 1: findings of one have one number
    follows: bool = False  # whether it follows from another finding of that number
    picture: Picture | None = None  # of a small case: the numbers, and what the element is made of
    differences: tuple[Difference, ...] = ()  # where they lie: on that case, and on a larger one
    timed_out: bool = False  # of what crashed: whether it did not return in time, and nothing else

    @property
    def word(self) -> str:
        """The verdict, as a reader has it."""
        return TIMED_OUT if self.timed_out else self.verdict.value


@dataclass(frozen=True)
class CheckResult:
    """What one check saw in one dtype."""

    name: str
    dtype: str
    verdict: Verdict
    geometries: int  # judged
    effective_bits: float | None  # the least; None where every element was exact
    miss_bound: float | None  # of one geometry's certificate, the weakest; None without one
    cases: int = 0  # judged: a geometry in one layout, with one choice of values
    unsupported: int = 0  # further cases, that were refused, or raised in one question
    bound: str | None = None  # where rounded: "componentwise" or "normwise"
    expected_bits: float | None = None  # what the dtype should give, where bits are reported
    reason: str = ""  # why it, or a part of it, is unsupported
    known: bool = False  # every failure in it is a known defect
    real: bool = False  # over real operands, where rounded within the direct bound is the best
    raises: bool = False  # whether it, or a part of it, is unsupported for a transform raises there
    raising: int = 0  # of the unsupported cases: where something was thrown that is no refusal
    optional: bool = False  # whether it tries what the contract does not promise
    not_asked: bool = False  # whether no case is put to the target, though it lacks no mode for it
    families: tuple[tuple[str, int], ...] = ()  # geometries judged, by family: see `families`
    # How many judgements had how many whole bits at the least, of those that rounded.
    bits: tuple[tuple[int, int], ...] = ()
    timed_out: bool = False  # of what crashed: whether all of it only did not return in time

    @property
    def has_refusals(self) -> bool:
        """Whether all or some of what was tried is unsupported, and so was not judged."""
        return self.verdict == Verdict.UNSUPPORTED or self.unsupported > 0


@dataclass(frozen=True)
class Coverage:
    """How many combinations of factor levels a run met, of those that can occur together."""

    pairs: int
    possible_pairs: int
    triples: int
    possible_triples: int  # estimated where there are too many to enumerate: see the report


@dataclass(frozen=True, repr=False)  # the generated repr of a real run fills screens
class Report:
    """The outcome of one run: true where it passed, so that ``assert verify(f)`` says so."""

    target: str
    environment: dict[str, str]
    seed: int
    require: Verdict  # the least that passes of what was judged: rounded or exact
    planned: int  # cases
    judged: int  # fewer than planned where the budget, or an interrupt, cut the run
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    coverage: Coverage | None = None
    notes: tuple[Note, ...] = ()  # what was observed and not judged, what was not reached
    interrupted: bool = False
    stale: tuple[str, ...] = ()  # known defects that should have shown and did not
    unjudged: tuple[Unjudged, ...] = ()  # what the engine itself failed on
    unexpected: tuple[str, ...] = ()  # rows that pass, and were expected to fail; with the reason
    refused: int = 0  # of those judged: each row of them is unsupported, in whole or in part
    partly: int = 0  # rows that are unsupported on a case of which others have a verdict
    # Of those refused: in a spelling or a mode that the contract does not promise.
    unpromised: int = 0
    raising: int = 0  # of those refused: they raise, in a mode or as a finding reports
    spared: int = 0  # of those refused: large sizes, which were not put to a slow target
    silent: int = 0  # of those judged: for such sizes their check has nothing to check
    strict: bool = False  # whether a permissive target does not pass
    seconds: float = field(default=0.0, compare=False)  # of wall clock
    # What differs from torch's convention in how it was called: "X as NHWC"; and the same as
    # `--as` takes it, which fixes it.
    called_as: tuple[str, ...] = ()
    convention: str = ""
    never_varied: tuple[str, ...] = ()  # options of a function or class that has none of the name
    own_defaults: tuple[str, ...] = ()  # of the target's options, if not torch's: "stride=2"
    where: str = ""  # the sizes that were tried: given, or what the target does not refuse
    refuses: tuple[str, ...] = ()  # "g > 1 (ValueError: no groups)", of what was learned
    # Of a few cases that were watched, those in which torch's convolution was called; how many.
    by_torch: tuple[int, int] = (0, 0)
    by_torch_where: tuple[str, ...] = ()  # where they are some: what they share, "g > 1", "float16"
    certified: str = ""  # the verdict in words, where it is of a network's calls and of no cases
    computes: str = ""  # what else than its operator it was seen to compute, where that is known

    def __bool__(self) -> bool:
        """Whether the run passed."""
        return self.passed

    def __repr__(self) -> str:
        """What it is about, and the worst verdict; ``verify`` returns one that says more."""
        return f"<Report of {self.target!r}: {self.verdict}>"

    @property
    def answered(self) -> int:
        """Cases that have a verdict: neither refused, nor of sizes that leave nothing to check."""
        return self.judged - self.refused - self.silent

    @property
    def unreached(self) -> dict[str, int]:
        """Cases of each check that the clock, or an interrupt, left over."""
        return dict(pair for note in self.notes for pair in note.by_check)

    @property
    def was_cut(self) -> bool:
        """Whether the budget, or an interrupt, kept it from some of the planned cases."""
        return self.judged + sum(bool(each.case) for each in self.unjudged) < self.planned

    @property
    def is_barely_tried(self) -> bool:
        """Whether less than a quarter of its cases were judged: a green says too little then.

        The clock had cut it, or the engine itself failed on the others; so it does of a target that
        has refused nearly all of them.
        """
        was_short = self.was_cut or bool(self.unjudged)
        cut_early = was_short and self.judged < LEAST_SHARE * self.planned
        return cut_early or self.is_barely_answered

    @property
    def is_barely_answered(self) -> bool:
        """Whether the target has refused nearly all cases that it was given."""
        return self.judged - self.refused < LEAST_ANSWERED * self.judged

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the checks that ran; unsupported when none did."""
        verdicts = (_counted(check) for check in self.checks)
        return worst(verdict for verdict in verdicts if verdict != Verdict.UNSUPPORTED)

    @property
    def word(self) -> str:
        """The verdict, as a reader has it: who only did not return in time has timed out."""
        crashed = [check for check in self.checks if check.verdict == Verdict.CRASHED]
        late = bool(crashed) and all(check.timed_out for check in crashed)
        return TIMED_OUT if late else self.verdict.value

    @property
    def passed(self) -> bool:
        """Whether ``is_right``, as expected, enough was tried, and the engine failed on no case."""
        as_expected = not self.unexpected and not self.unjudged
        return self.is_right and as_expected and not self.is_barely_tried

    @property
    def is_right(self) -> bool:
        """Whether a check ran, and all that did are as good as required or known defects."""
        if self.verdict == Verdict.UNSUPPORTED:
            return False
        accepted = {Verdict.EXACT, self.require, Verdict.UNSUPPORTED}
        if not self.strict:
            accepted.add(Verdict.PERMISSIVE)
        return all(check.known or _counted(check) in accepted for check in self.checks)


def _counted(check: CheckResult) -> Verdict:
    """Over real operands nobody is exact: there the direct algorithm's bound is the best."""
    at_best = check.real and check.verdict == Verdict.ROUNDED and check.bound == "componentwise"
    return Verdict.EXACT if at_best else check.verdict
