"""Known defects that a target passes on: torch's own, where the target calls torch there.

Most implementations call torch's convolution somewhere, in the backward pass above all, or are
made of its matrix products. Whether one does is watched and not guessed: a dispatch mode sees every
operation, and those within an operator of the target's own. And whether a failure is torch's is
tried on the failing case itself. It is judged again twice: with these operations carried out in
float64 and without oneDNN, where what fails as well is the target's; and with torch's answer to
each held against that, for torch must be seen to err.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from math import prod
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

from conv_reference.quantities import FIRST_ORDER, GRADIENTS, Operator
from conv_reference.verification.execution import Settings, guarded, judge_case
from conv_reference.verification.known.exact import (
    absolute,
    differs,
    framed,
    has_gaps,
    has_nan,
    in_float64,
    is_floating,
    packed,
    tried,
)
from conv_reference.verification.known.faces import as_met_by
from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.plan.possible import in_reach
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.listening import Listening
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken

TORCH, PRODUCT = "torch.nn.functional:conv2d", "torch:matmul"  # as the registry calls them
_FORWARD, _BACKWARD = "convolution", "convolution_backward"  # as the dispatcher does
_PRODUCT = "matrix product"
_LOOKED_AT = 20  # cases that a defect concerns, of which the lightest is taken
IN_TORCH = "an operation of torch's own"  # what a process reports that it is at


def torchs(
    defects: Iterable[Defect], environment: Mapping[str, str], operator: Operator
) -> list[Defect]:
    """Those of torch's convolution and its matrix product that an operator may meet here."""
    called = (TORCH, PRODUCT, f"torch.nn.functional:{operator.name}")
    here = [d for d in defects if any(d.applies(name, environment) for name in called)]
    return [as_met_by(defect, operator) for defect in here]


@dataclass(frozen=True)
class PassedOn:
    """Which of torch's defects a target may meet."""

    defects: tuple[Defect, ...] = ()
    watched: int = 0  # defects on whose case the target was watched
    missed: int = 0  # those that were not reached


def relayed(
    target: Target,
    defects: Sequence[Defect],
    cases: Sequence[Case],
    backend: Backend,
    settings: Settings,
    deadline: float | None = None,
) -> PassedOn:
    """Those of torch's defects that the target may meet, for it calls torch there.

    They are narrowed to what the target has torch do: where its backward pass is its own, to Y.
    None of them is expected to show. Whether a failure is one is tried on its own case, see
    ``judged_exactly``.

    Args:
        target: that is judged.
        defects: of torch, in this environment and as its operator meets them.
        cases: of the plan; for each defect, the target is watched on one that it concerns.
        backend: where the target runs.
        settings: of the run.
        deadline: of ``time.monotonic``, after which it is not watched any more; None for no limit.
    """
    concerned = ((defect, _concerned(target, defect, cases)) for defect in defects)
    asked = [(defect, case) for defect, case in concerned if case is not None]
    each = [*dict.fromkeys(case for _, case in asked)]
    came = dict(backend.run(convolved_by_torch, each, settings, deadline=deadline))
    heard = {case: came[number] for number, case in enumerate(each) if number in came}
    found = (
        _narrowed(defect, names, target.operator)
        for defect, case in asked
        if not isinstance(names := heard.get(case), Crash | Broken | None)
    )
    reached = sum(case in heard for _, case in asked)
    return PassedOn(tuple(filter(None, found)), reached, len(asked) - reached)


def convolved_by_torch(target: Target, case: Case, settings: Settings) -> frozenset[str]:
    """Which of torch's convolutions, forward and backward, and products the target calls here.

    They are carried out without oneDNN, whose defects are then not met: some kill the process.
    """
    trial = settings.trial(target, case)
    listener = _Listener(settings.device)
    with guarded(), suppress(TargetRaised), torch.backends.mkldnn.flags(enabled=False):
        call = trial.call()
        with listener:
            observe(call)
    return frozenset(listener.names)


def judged_exactly(
    target: Target, case: Case, argument: tuple[Settings, Defect]
) -> frozenset[tuple[str, str]]:
    """The rows and quantities that fail where torch does exactly what the defect is about.

    Args:
        target: that fails on the case.
        case: with all its questions.
        argument: the settings of the run, and the defect.
    """
    settings, defect = argument
    listener = _Listener(settings.device, exact=_operations(defect))
    with guarded(), torch.backends.mkldnn.flags(enabled=False), listener:
        judged = judge_case(target, case, settings)
    return _failing(judged)


@dataclass(frozen=True)
class Beside:
    """A case judged once more, torch's own answers held against exact ones meanwhile."""

    failing: frozenset[tuple[str, str]]  # rows and quantities
    torch_errs: bool  # whether torch answered one of the calls wrongly


def judged_beside(target: Target, case: Case, argument: tuple[Settings, Defect]) -> Beside:
    """How the case fails, and whether torch errs in what the target has it do.

    While torch computes, the process declares it (``IN_TORCH``): should it die, that shows where.

    Args:
        target: that fails on the case.
        case: with all its questions.
        argument: the settings of the run, and the defect.
    """
    settings, defect = argument
    listener = ListenerBeside(
        settings.device, _operations(defect), target.about_to, framing="nan" in defect.actual
    )
    with guarded(), listener:
        judged = judge_case(target, case, settings)
    return Beside(_failing(judged), listener.torch_errs)


def is_right_without(judgement: Judgement, exactly: Any) -> bool:
    """Whether a failure is gone where torch does exactly what the defect is about.

    Args:
        judgement: the failure.
        exactly: what ``judged_exactly`` came to, a crash or nothing included.
    """
    return isinstance(exactly, frozenset) and _place(judgement) not in exactly


def errs_again(judgement: Judgement, beside: Any) -> bool:
    """Whether a case fails alike once more, while torch answers wrongly or ends the process.

    So a target that fails now and then is not excused because it was right when run again.

    Args:
        judgement: the failure.
        beside: what ``judged_beside`` came to, a crash or nothing included.
    """
    if judgement.verdict == Verdict.CRASHED:
        return isinstance(beside, Crash) and beside.asked == IN_TORCH
    return isinstance(beside, Beside) and beside.torch_errs and _place(judgement) in beside.failing


def _place(judgement: Judgement) -> tuple[str, str]:
    return judgement.check, judgement.quantity_alike


def _failing(judged: Iterable[Judgement]) -> frozenset[tuple[str, str]]:
    return frozenset(_place(j) for j in judged if j.verdict in FAILURES)


def in_each_quantity(defect: Defect) -> Defect:
    """The defect as it may show in a target: a NaN in torch's Y may be in the columns for a dK.

    Wrong numbers are looked for in its own quantities alone; they are many, and each is tried.
    """
    return replace(defect, quantities=FIRST_ORDER) if defect.actual else defect


def as_passed_on(defect: Defect) -> Defect:
    """The defect as it is reported of what calls torch; it is not expected to show there."""
    what = "matrix product" if _operations(defect) == {_PRODUCT} else "convolution"
    said = f"torch's {what}, which the target calls, has it: {defect.summary}"
    return replace(defect, summary=said, shows=())


def _operations(defect: Defect) -> frozenset[str]:
    """What the defect is one of."""
    of_product = PRODUCT.startswith(defect.targets)
    return frozenset({_PRODUCT} if of_product else {_FORWARD, _BACKWARD})


class _Listener(Listening):
    """Lets everything pass, and remembers which convolutions and matrix products did.

    Those that are to be exact are carried out in float64.
    """

    def __init__(self, device: str, exact: Set[str] = frozenset()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.names: set[str] = set()
        self._exact = exact
        self._key = _KEYS.get(torch.device(device).type)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # called by torch
        name = _NAMES.get(func.overloadpacket.__name__)
        if func.namespace == "aten" and name is not None:
            self.names.add(name)
            if name in self._exact:
                return self.carried_out(func, args, kwargs or {})
        if func.namespace in {"aten", "prims"} or self._key is None:
            return func(*args, **(kwargs or {}))
        # An operator registered by the target: listen to what its kernel calls, too.
        with self:
            return func.redispatch(self._key, *args, **(kwargs or {}))

    def carried_out(self, operation: Any, args: Any, kwargs: Any) -> Any:
        """What is handed back for one of those that are to be exact."""
        return in_float64(operation, args, kwargs)


class ListenerBeside(_Listener):
    """Hands back what torch answers, and holds it against what it answers in float64."""

    def __init__(
        self, device: str, exact: Set[str], about_to: Callable[[Any], None], *, framing: bool
    ) -> None:
        super().__init__(device, exact)
        self.torch_errs = False
        self._about_to = about_to
        # A defect that makes NaN mostly reads past an operand: what lies there is then NaN, each
        # time, where it would be what the heap happens to hold.
        self._framing = framing

    def carried_out(self, operation: Any, args: Any, kwargs: Any) -> Any:
        """Torch's own answer; where it is wrong, that is remembered.

        Torch is called first: what it reads of freed memory must not be the right answer.
        """
        self._about_to(IN_TORCH)
        try:
            found = between_nans(operation, args, kwargs) if self._framing else None
            found = operation(*args, **kwargs) if found is None else found
        except Exception:
            self.torch_errs |= self._exactly(operation, args, kwargs) is not None
            raise
        finally:
            self._about_to("the target")
        right = self._exactly(operation, args, kwargs)
        sums = self._exactly(operation, *tree_map(absolute, (args, kwargs)))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if is_floating(leaf)]
        if right is not None and sums is not None:
            self.torch_errs |= differs(found, right, sums, given)
        return found

    @staticmethod
    def _exactly(operation: Any, args: Any, kwargs: Any) -> Any:
        with torch.backends.mkldnn.flags(enabled=False):
            return tried(in_float64, operation, args, kwargs)


def between_nans(operation: Any, args: Any, kwargs: Any) -> Any:
    """What torch answers where NaN lies before and behind each operand.

    Operands with gaps it copies first, and reads past the copy: then they are given without.
    """
    given = tree_map(framed, (args, kwargs))
    found = operation(*given[0], **given[1])
    if not any(map(has_gaps, tree_leaves((args, kwargs)))):
        return found
    given = tree_map(lambda leaf: framed(packed(leaf)), (args, kwargs))
    copied = operation(*given[0], **given[1])
    return copied if any(map(has_nan, tree_leaves(copied))) else found


# By their names at the dispatcher; within a registered operator conv2d is seen as such.
_NAMES = {
    _FORWARD: _FORWARD,
    "conv2d": _FORWARD,
    _BACKWARD: _BACKWARD,
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm", "matmul", "linear"), _PRODUCT),
}
# A kernel is called by its device's key.
_KEYS = {
    "cpu": torch._C.DispatchKeySet(torch._C.DispatchKey.CPU),  # noqa: SLF001 (the key has no public name)
    "cuda": torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA),  # noqa: SLF001 (the key has no public name)
}


def _concerned(target: Target, defect: Defect, cases: Sequence[Case]) -> Case | None:
    """A case in which the defect would be met, with both gradients requested.

    It is the lightest of the first few: a loop in Python takes minutes over a heavy one, and is
    heard no better.
    """
    asked = (case for case in (*map(Case.parse, defect.shows), *cases) if defect.concerns(case))
    both = (in_reach(target, replace(case, requires_grad="XK")) for case in asked)
    concerned = islice(filter(defect.concerns, both), _LOOKED_AT)
    return min(concerned, key=_products, default=None)


def _products(case: Case) -> int:
    """How many products a loop over all of them makes."""
    geometry = case.geometry
    outputs = geometry.batch * geometry.out_channels * prod(geometry.output_size)
    return outputs * prod(geometry.weight_shape[1:])


def _narrowed(defect: Defect, names: frozenset[str], operator: Operator) -> Defect | None:
    """The defect in what the target has torch do; None where that is nothing."""
    if _operations(defect) == {_PRODUCT}:
        return as_passed_on(defect) if _PRODUCT in names else None
    if not operator.is_convolution:  # whose passes torch may make of either
        return as_passed_on(defect) if names & {_FORWARD, _BACKWARD} else None
    convolved = {"Y"} if _FORWARD in names else set()
    convolved |= set(GRADIENTS) if _BACKWARD in names else set()
    quantities = tuple(q for q in defect.quantities if q in convolved)
    return replace(as_passed_on(defect), quantities=quantities) if quantities else None
