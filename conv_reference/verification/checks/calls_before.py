"""The order of calls: what is called before in another way leaves nothing behind.

A cache, a workspace or a flag is filled by whichever call comes first. Most suites begin with an
ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.checks._registry import Row, Sample, check
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code, under

_MORE = 3  # samples of a larger batch
_Before = Callable[[Trial, Call], Any]


def _without_gradients(_: Trial, call: Call) -> None:
    with torch.no_grad():
        call.forward()


def _in_inference_mode(_: Trial, call: Call) -> None:
    with torch.inference_mode():
        call.forward()


def _under_autocast(trial: Trial, call: Call) -> None:
    with torch.autocast(trial.device.type, torch.bfloat16):
        call.forward()


def _under_vjp(_: Trial, call: Call) -> None:
    pulled = torch.func.vjp(_of_input(call), call.X.detach())
    pulled[1](call.G)


def _under_jvp(_: Trial, call: Call) -> None:
    X = call.X.detach()
    torch.func.jvp(_of_input(call), (X,), (X,))


def _under_vmap(_: Trial, call: Call) -> None:
    X = call.X.detach()
    torch.func.vmap(_of_input(call))(torch.stack([X, X]))


def _of_input(call: Call) -> Callable[[Tensor], Any]:
    return lambda X: call.function(X, call.K, call.b)


def _without_backward(_: Trial, call: Call) -> None:
    call.forward()


def _with_more_samples(trial: Trial, _: Call) -> None:
    _of_batch(trial, trial.case.geometry.batch + _MORE)


def _with_fewer_samples(trial: Trial, _: Call) -> None:
    _of_batch(trial, max(1, trial.case.geometry.batch - 1))


def _of_batch(trial: Trial, batch: int) -> None:
    geometry = replace(trial.case.geometry, batch=batch)
    if geometry in trial.target.domain:
        observe(replace(trial, case=replace(trial.case, geometry=geometry)).call())


def _in_another_dtype(trial: Trial, _: Call) -> None:
    others = [dtype for dtype in DTYPES.values() if dtype != trial.case.dtype]
    observe(replace(trial, case=replace(trial.case, dtype=others[0])).call())


_BEFORE: dict[str, _Before] = {
    "after a call under torch.no_grad on the same tensors": _without_gradients,
    "after a call in inference mode on the same tensors": _in_inference_mode,
    "after a call under autocast on the same tensors": _under_autocast,
    "after torch.func.vjp on the same tensors": _under_vjp,
    "after torch.func.jvp on the same tensors": _under_jvp,
    "after torch.func.vmap on the same tensors": _under_vmap,
    "after a call on the same tensors without a backward pass": _without_backward,
    "after a pass of more samples": _with_more_samples,
    "after a pass of fewer samples": _with_fewer_samples,
    "after a pass in another dtype": _in_another_dtype,
}


@check(
    Row(
        "calls_before",
        "After a call in another mode, of another size or dtype, a call answers as ever.",
        "A cache or a workspace is filled by the call that comes first, in whatever mode it comes.",
        "a result cached without its graph, or a workspace of a larger batch (a class of faults)",
    ),
    sample=Sample.MODES,
    graph=True,
)
def calls_before(trial: Trial) -> Iterator[Judgement]:
    """Some of them in turn, each on sizes of its own: what is made for a shape is made there.

    Whether what comes before is answered is a question of other checks.
    """
    for said in trial.some(_BEFORE):
        own = _wider(trial, [*_BEFORE].index(said))
        call = own.call()
        try:
            with target_code("Y"):
                _BEFORE[said](own, call)
        except TargetRaised:
            pass
        with under(said):
            found = observe(call)
        for judgement in against_oracle(own, "calls_before", found, said, missing=True):
            yield judgement if judgement.is_exact else replace(judgement, case=own.case)


def _wider(trial: Trial, columns: int) -> Trial:
    """The same with so many more columns of input, where there is room for exact integers."""
    geometry = trial.case.geometry
    height, width = geometry.input_size
    wider = replace(geometry, input_size=(height, width + columns))
    own = replace(trial, case=replace(trial.case, geometry=wider))
    return own if wider in trial.target.domain and own.has_room else trial
