"""The exact certificate of one geometry beside gradcheck(fast_mode=True), as ratios in one run.

python -m benchmarks.certificate
"""

from __future__ import annotations

import torch
from torch.autograd import gradcheck
from torch.nn.functional import conv2d

from benchmarks.functional import compare
from conv_reference.geometry import Geometry
from conv_reference.operands import real_operands
from conv_reference.verification import Case, as_target
from conv_reference.verification.execution import Settings, judge_case

GEOMETRIES = (
    "n1 c1 h2 w3 o1 k1x2",
    "n1 c2 h5 w6 o3 k3",
    "n2 c8 h14 w14 o8 k3",
    "n2 c8 h28 w28 o8 k3",
)


def main() -> None:
    target, settings = as_target(conv2d), Settings(seed=0, device="cpu")
    for text in GEOMETRIES:
        geometry = Geometry.parse(text)
        case = Case(check="certificate", geometry=geometry, dtype=torch.float64)
        operands = real_operands(geometry, torch.float64, seed=0)
        leaves = tuple(t.requires_grad_() for t in (operands.input, operands.weight, operands.bias))
        compare(
            text,
            lambda case=case: judge_case(target, case, settings),  # type: ignore[misc]  # mypy infers no type for its default
            lambda leaves=leaves: gradcheck(conv2d, leaves, fast_mode=True),  # type: ignore[misc]  # mypy infers no type for its default
            than="gradcheck's",
        )


if __name__ == "__main__":
    main()
