"""Small cases put to a target before its plan is drawn: whether it answers, refuses, or raises."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from math import prod
from typing import Any

from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.diagnosis.kinds import products
from conv_reference.verification.execution import Settings, guarded
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import NotAsked
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.plan.call_pace import CallPace
from conv_reference.verification.plan.possible import as_possible, in_reach
from conv_reference.verification.running.progress import Progress
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.purpose import place_of
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.listening import Listening
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.refused import is_refusal
from conv_reference.verification.trial.trial import TargetRaised, target_code
from conv_reference.verification.work.backend import Backend

LEARNING = "learning what it refuses"
_CRASHES = 3  # of the first cases, after which no further one is put


@dataclass(frozen=True)
class Refused:
    """The message with which a target refused a case."""

    said: str  # "ValueError: groups are not supported"
    unasked: bool = False  # whether it was not the target, but what lies between, that said so
    at: str = ""  # of a backward pass: the line that said so, as ``place_of`` has it


@dataclass(frozen=True)
class Answered:
    """That a target answered a case."""

    by_torch: bool  # whether torch's own convolutions made all of its products
    seconds: float  # of the processor, that the call took


class _Listener(Listening):
    """Notes how many products torch's convolutions make; None where there are none."""

    products: int | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Y = func(*args, **(kwargs or {}))
        if "convolution" in func.__name__ or func.__name__.startswith("conv2d"):
            X, K = args[:2]
            outputs = max(X.numel(), Y.numel() if isinstance(Y, Tensor) else 0)
            self.products = (self.products or 0) + outputs * (K.numel() // max(1, len(K)))
        return Y

    def made_all(self, geometry: Geometry) -> bool:
        """Whether they were those of the case: one of indices, or of a window, has fewer."""
        rows, columns = geometry.output_size
        taps = geometry.weight_shape[1:]
        needed = geometry.batch * geometry.out_channels * rows * columns * prod(taps)
        return self.products is not None and self.products >= needed


def asked_whether(target: Target, case: Case, settings: Settings) -> Refused | Answered | None:
    """What the target refuses the case with, or that it answers; None where it does neither.

    Args:
        target: which is called; backward, too, where the case asks for gradients.
        case: that is put.
        settings: of the run.
    """
    trial = settings.trial(target, case)
    listener = _Listener()  # type: ignore[no-untyped-call]  # torch's constructor is untyped
    is_backward = False
    with guarded():
        try:
            call = trial.call()
            start = time.thread_time()  # not what other processes take
            with listener, target_code("Y"):
                call.forward()
            taken = time.thread_time() - start
            if case.requires_grad:
                is_backward = True
                observe(trial.call())
        except TargetRaised as raised:
            if is_refusal(trial, raised) or _is_of_glue(target, raised.error):
                said = message_of(raised.error).strip().partition("\n")[0]
                if issubclass(type(raised.error), NotAsked):
                    return Refused(said, unasked=True)
                at = place_of(raised.error) if is_backward else ""
                return Refused(": ".join(filter(None, (type_name(raised.error), said))), at=at)
            return None
    return Answered(listener.made_all(case.geometry), taken)


def _is_of_glue(target: Target, error: BaseException) -> bool:
    """Whether what is between a stranger's arrays and torch's tensors does not support it."""
    return target.over_arrays and isinstance(error, NotImplementedError)


@dataclass
class Asking:
    """Small cases put to a target, as long as there is time: the lightest first."""

    target: Target
    backend: Backend
    settings: Settings
    deadline: float | None
    progress: Progress
    came: dict[Case, Any] = field(default_factory=dict)
    missed: set[Case] = field(default_factory=set)  # that were not reached

    def ask(self, cases: Iterable[Case]) -> None:
        """Put them; where the first few all end their process, no further one is."""
        listed = sorted(dict.fromkeys(cases), key=products)
        self.missed |= {*listed} - {*self.came}
        answers = self.backend.run(asked_whether, listed, self.settings, deadline=self.deadline)
        with closing(answers):
            for number, answer in answers:
                self.came[listed[number]] = answer
                self.missed.discard(listed[number])
                done, planned = len(self.came), len(self.came) + len(self.missed)
                self.progress.at(f"{LEARNING}, {done} of {planned} small cases")
                if done == _CRASHES and self.all_crash:
                    return

    def ask_in_reach(self, cases: Iterable[Case]) -> None:
        """The same of the nearest cases that are possible."""
        self.ask([as_possible(self.target, in_reach(self.target, case)) for case in cases])

    @property
    def pace(self) -> CallPace:
        """Of the calls that were answered."""
        answered = ((c, own) for c, own in self.came.items() if isinstance(own, Answered))
        return CallPace.of([(products(case), own.seconds) for case, own in answered])

    @property
    def all_crash(self) -> bool:
        """Whether all ended their process: of that nothing is refused."""
        return bool(self.came) and all(isinstance(a, Crash) for a in self.came.values())
