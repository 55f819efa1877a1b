"""The answers of a large layer by random combinations: one more route to the same judgement.

From some size on an equation at each pixel costs less than the oracle's number at each pixel of
each sample and channel (`conv_reference.combination`). What holds is exact. What does not hold is
judged by the oracle, element by element, as every other case is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from conv_reference.combination import Combination, Equation, draw_weights
from conv_reference.quantities import QUANTITIES, ROLES
from conv_reference.verification.model.case import EXACT_VALUES, Values
from conv_reference.verification.trial.trial import Trial, own_shapes
from conv_reference.verification.trial.values import WEIGHTS_UP_TO, is_combined

_EXACT = frozenset({*EXACT_VALUES, Values.SPARSE})


def holding(trial: Trial, observed: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of Y, dX, dK and db that are shown to be exact; of the others nothing is known.

    Args:
        trial: any; of a case whose sizes are small none is shown to be.
        observed: what the target answered, by the quantity's name.
    """
    case = trial.case
    if case.values not in _EXACT or not is_combined(case.geometry, case.dtype):
        return ()
    kinds = {
        name: (torch.Size(shape), case.dtype, trial.device)
        for name, shape in own_shapes(trial.target, case.geometry).items()
    }
    answers = {
        name: value.detach().to("cpu")
        for name, value in observed.items()
        if type(value) is Tensor and (value.shape, value.dtype, value.device) == kinds[name]
    }
    return tuple(name for name, equation in _equations(trial, answers) if equation.holds)


def _equations(trial: Trial, answers: Mapping[str, Tensor]) -> Iterator[tuple[str, Equation]]:
    operator, geometry = trial.target.operator, trial.case.geometry
    key = hashlib.blake2b(f"weights {trial.seed} {trial.case}".encode(), digest_size=8)
    seed = int.from_bytes(key.digest()) >> 1
    weights = draw_weights(geometry, seed=seed, magnitude=WEIGHTS_UP_TO)
    combination = Combination(geometry, weights)
    own = trial.operands
    form = {operator.place(role): getattr(own, role) for role in ROLES}
    X, K, G = (form[role] for role in ROLES)
    for name, value in answers.items():
        planar = value.reshape(operator.shape(QUANTITIES[name].of, geometry))
        bias = own.bias if name == "Y" and trial.case.bias else None
        match operator.face(name):
            case "Y":
                yield name, combination.output(X, K, bias, planar)
            case "dX":
                yield name, combination.grad_input(G, K, planar, bias=bias)
            case "dK":
                yield name, combination.grad_parameters(G, X, planar, None)[0]
            case _:
                is_form = operator.place("grad_output") == "grad_output"
                channels = weights.outputs if is_form else weights.inputs
                yield name, combination.grad_bias(own.grad_output, planar, weights=channels)
