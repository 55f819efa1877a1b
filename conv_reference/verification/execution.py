"""Carrying cases out: one case in this process, whatever the target does to it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import torch

from conv_reference.verification import accelerator
from conv_reference.verification.checks import Check, Sample, all_checks
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.domain import EVERYWHERE, Domain, OutsideError
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.target import lines
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.raised import judged_raised
from conv_reference.verification.trial.state import STATES
from conv_reference.verification.trial.trial import TargetRaised, Trial


@dataclass(frozen=True)
class Settings:
    """What stays the same for all cases of a run."""

    seed: int
    device: str
    allowed_bits: int | None = None
    varied: bool = True  # whether cuDNN's settings are others now and then
    brief: bool = False  # whether a check of modes may put a part of its questions to each case
    domain: Domain = EVERYWHERE  # the sizes for which the target is tried
    strict: bool = False  # whether a refusal on purpose is a failure
    refused_at: frozenset[str] = frozenset()  # see ``Trial.refused_at``
    before: tuple[str, ...] = ()  # see ``Trial.before``

    def trial(self, target: Target, case: Case) -> Trial:
        """The case put to the target, under these settings."""
        return Trial(
            replace(target, domain=self.domain) if self.domain.where else target,
            case,
            seed=self.seed,
            device=torch.device(self.device),
            allowed_bits=self.allowed_bits,
            brief=self.brief,
            strict=self.strict,
            refused_at=self.refused_at,
            before=self.before,
        )


def judge_case(target: Target, case: Case, settings: Settings) -> tuple[Judgement, ...]:
    """Put one case to the target; what it throws is judged, too.

    Beside sums of thousands a wrong 1 looks like rounding. So what rounds over integers is run
    again over 0 and ±1, where no algorithm errs by as much as 1, and biases that differ; the
    certificate, with thousands of cases, looks for that itself, by impulses.

    Args:
        target: what is judged.
        case: one that it supports.
        settings: of the run.
    """
    judged = _judged(target, case, settings)
    check = all_checks()[case.check]
    rounded = {judgement.check for judgement in judged if judgement.verdict == Verdict.ROUNDED}
    if not rounded or check.real or check.sample == Sample.ALL or case.values == Values.SPARSE:
        return judged
    small = replace(case, values=Values.SPARSE)
    again = [j for j in _judged(target, small, settings) if j.check in rounded]
    wrong = [_over_small(j, small) for j in again if j.verdict in FAILURES]
    settled = {judgement.check for judgement in wrong}
    return (*(j for j in judged if j.check not in settled or j.verdict in FAILURES), *wrong)


def _over_small(judgement: Judgement, case: Case) -> Judgement:
    """The judgement of the case over small integers, which states that."""
    explanation = f"over 0 and ±1, {judgement.explanation}"
    return replace(judgement, explanation=explanation, case=judgement.case or case)


def _judged(target: Target, case: Case, settings: Settings) -> tuple[Judgement, ...]:
    check = all_checks()[case.check]
    trial = settings.trial(target, case)
    judgements: list[Judgement] = []
    with (
        _threads(case, parallel=check.parallel),
        _cudnn(case, settings),
        guarded(),
        _seen(check, case),
    ):
        try:
            judgements.extend(check.run(trial))
        except OutsideError:
            pass  # what it has judged so far counts
        except TargetRaised as raised:
            if isinstance(raised.error, OutsideError):
                return tuple(judgements)
            blamed = _blamed(check, case, raised)
            judgements.append(judged_raised(blamed, raised, trial, transform=check.transform))
    return tuple(judgements)


def _blamed(check: Check, case: Case, raised: TargetRaised) -> str:
    return check.row_for(raised.quantity, case.geometry).name


def _seen(check: Check, case: Case) -> AbstractContextManager[None]:
    """The target's lines are watched, but for where a compiler would see that."""
    if check.sample == Sample.REQUEST:
        return lines.unwatched()
    return lines.asked(f"{check.name} in {case.dtype}")


_FEW_PRODUCTS = 20_000


@contextmanager
def _threads(case: Case, *, parallel: bool) -> Iterator[None]:
    """Of eight small cases seven on one thread of torch's, one on all: the sizes decide which.

    With several, a call on a few numbers takes half as long again, and finds little more.
    """
    before, g = torch.get_num_threads(), case.geometry
    products = math.prod((*g.weight_shape, *g.output_size, g.batch))
    sizes = sum((*g.input_shape, *g.weight_shape))
    alone = products <= _FEW_PRODUCTS and sizes % 8 != 0 and not parallel
    if alone:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if alone:
            torch.set_num_threads(before)


# Of eight cases one has cuDNN choose by trying, one has it take only what repeats itself.
_CHOICES: Mapping[int, Mapping[str, bool]] = {1: {"benchmark": True}, 2: {"deterministic": True}}


@contextmanager
def _cudnn(case: Case, settings: Settings) -> Iterator[None]:
    """Another of cuDNN's settings now and then: the sizes decide which."""
    if not settings.varied or torch.device(settings.device).type != "cuda":
        yield
        return
    sizes = sum((*case.geometry.input_shape, *case.geometry.weight_shape))
    with accelerator.cudnn_set(_CHOICES.get(sizes % 8, {})):
        yield


_KEPT = tuple((state.get, state.put_back) for state in STATES if state.put_back is not None)


@contextmanager
def guarded() -> Iterator[None]:
    """Undo what a target may have set in the process, and silence what it warns of."""
    before = [(get(), get, put_back) for get, put_back in _KEPT]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for state, get, put_back in before:
            if get() != state:
                put_back(state)
