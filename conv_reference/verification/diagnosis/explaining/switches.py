"""With which of the device's settings a failure comes out right: what it is then, in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch

from conv_reference.verification import accelerator
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.target.target import Target


@dataclass(frozen=True)
class Switch:
    """A setting of cuDNN's that may be what a failure is due to."""

    name: str
    value: bool  # with which it may come out right
    only: torch.dtype | None = None  # the dtype that it is about

    @property
    def text(self) -> str:
        """Python that sets it."""
        return f"torch.backends.cudnn.{self.name} = {self.value}"

    @property
    def changes(self) -> Mapping[str, bool]:
        """As ``accelerator.cudnn_set`` takes it."""
        return {self.name: self.value}


_TF32 = Switch("allow_tf32", False, torch.float32)
_CHOSEN = {"benchmark", "deterministic"}  # by ``judge_case``, for some sizes
# The last of them leaves nothing of cuDNN in use, so the others come first.
SWITCHES = (
    _TF32,
    Switch("benchmark", False),
    Switch("deterministic", True),
    Switch("enabled", False),
)


def switched(failure: Failure, bench: Bench) -> str:
    """One line that names the setting with which the failing case is right; empty: there is none.

    Args:
        failure: of the case that is shown.
        bench: where the target is run again.
    """
    judgement, kind = failure.judgement, torch.device(bench.settings.device).type
    if kind != "cuda" or judgement.verdict == Verdict.CRASHED:
        return ""
    return right_with(failure, bench)


def right_with(failure: Failure, bench: Bench) -> str:
    """The same, whatever kind of device it is."""
    own = failure.judgement
    for switch in _about(failure.case):
        answers = bench.ask(fails_with, [failure.case], (bench.settings, switch))
        failing = answers.get(failure.case)
        if isinstance(failing, frozenset) and (own.check, own.quantity_alike) not in failing:
            if switch.name == _TF32.name:
                bits = accelerator.TF32_BITS
                return f"TF32: right with {switch.text}; --allow-bits {bits} accepts it."
            return f"Right with {switch.text}."
    return ""


def _about(case: Case) -> Iterator[Switch]:
    yield from (switch for switch in SWITCHES if switch.only in {None, case.dtype})


def fails_with(
    target: Target, case: Case, argument: tuple[Settings, Switch]
) -> frozenset[tuple[str, str]]:
    """The rows and quantities in which a case fails under a setting.

    Args:
        target: that fails on the case.
        case: with all its questions.
        argument: the settings of the run, and cuDNN's.
    """
    settings, switch = argument
    # Of what a case has set by its sizes, a switch must have the last word.
    settings = replace(settings, varied=switch.name not in _CHOSEN)
    with accelerator.cudnn_set(switch.changes):
        judged = judge_case(target, case, settings)
    return frozenset((j.check, j.quantity_alike) for j in judged if j.verdict in FAILURES)
