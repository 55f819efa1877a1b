"""What one tiny case says of what may be a convolution, in the words of ``conv-reference try``."""

from __future__ import annotations

from typing import Any

import torch

from conv_reference.verification.model.case import dtype_name
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.target.loading import target_of
from conv_reference.verification.target.strangers.by_trial import known_other_by_trial
from conv_reference.verification.target.strangers.trials import Trials
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.own_kernel import (
    case_of_impulses,
    computed_kernel,
    why_not_judged,
)
from conv_reference.verification.trial.tiny import further_judgements, tiny_judgements
from conv_reference.verification.trial.trial import Trial

_SEARCH = 4.0  # seconds for how it is called; beside them there must be time for its cases


def reported(name: str, value: Any) -> tuple[str, list[str]]:
    """The verdict in a word, and what is printed below the candidate's name."""
    trials = Trials(_SEARCH)
    try:
        target = target_of(value, name, trials=trials)
    except TargetError as error:
        refused = f"not called: {one_line(str(error))}"
        return "not called", [f"  {line}" for line in (refused, *_other(value, trials))]
    judgements = tiny_judgements(target)
    verdict, said = _summary(judgements)
    if any(judgement.verdict is Verdict.UNSUPPORTED for judgement in judgements):
        kernel, further = further_judgements(target)
        if further:
            verdict, of_another = _summary(further)
            said = f"{of_another}, with a kernel of {kernel}; with one of 2x4 it {said}"
    computed = _computed_kernel(target) if verdict == "wrong" else ""
    if computed:
        return "not judged", [f"  called {_how(target)}", f"  {one_line(computed)}"]
    seen = (f"computes {target.computes}",) if target.computes else ()
    hints = () if verdict == "right" else seen or _other(value, trials)
    unsettled = (one_line(target.unsettled),) if target.unsettled else ()
    named = ", ".join(target.own_defaults)
    defaults = (one_line(f"its defaults are not torch's: {named}"),) if named else ()
    lines = (f"called {_how(target)}", *defaults, *unsettled, said, *hints)
    return verdict, [f"  {line}" for line in lines]


def _how(target: Target) -> str:
    if target.called_as:
        return f"with {'; '.join(target.called_as)}"
    options = ", ".join(sorted(target.options)) or "no options"
    return f"as {target.operator.name} of torch is, with {options}"


def _summary(judgements: list[Judgement]) -> tuple[str, str]:
    """The first that is no good, else that all are."""
    for judgement in judgements:
        if judgement.thrown is not None:
            where = [f"at {judgement.thrown.place}"] if judgement.thrown.place else []
            said = f"{judgement.thrown.said}{_on(judgement, *where)}"
            return "raises", one_line(f"raises in {judgement.quantity}: {said}")
        if judgement.verdict in FAILURES:
            index = ",".join(map(str, judgement.index))
            element = f"{judgement.quantity}[{index}]" if index else judgement.quantity
            said = f"should be {judgement.expected}, is {judgement.actual}"
            return "wrong", one_line(f"wrong: {element} {said}{_on(judgement)}")
    names = ", ".join(judgement.quantity for judgement in judgements)
    exact = all(judgement.verdict is Verdict.EXACT for judgement in judgements)
    return "right", f"right: {names} {'bit for bit' if exact else 'within rounding'}"


def _on(judgement: Judgement, *where: str) -> str:
    """`` (at my_conv.py:3, in float32 on n2 c3 h5 w9 o5 k2x4 s1 p0 d1 g1)``."""
    case = judgement.case
    on = [] if case is None else [f"in {dtype_name(case.dtype)} on {case.geometry}"]
    return f" ({', '.join([*where, *on])})" if where or on else ""


def _computed_kernel(target: Target) -> str:
    """Why it is not judged, where it convolves with a kernel that it computes; else empty."""
    case = case_of_impulses(target)
    said = "" if case is None else computed_kernel(Trial(target, case, 0, torch.device("cpu")))
    return why_not_judged(target.name, said) if said else ""


def _other(value: Any, trials: Trials) -> tuple[str, ...]:
    said = known_other_by_trial(value, trials)
    return (f"computes {said}",) if said else ()
