from __future__ import annotations

import torch
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.verification import notes
from conv_reference.verification.checks import all_checks
from conv_reference.verification.conventions import as_target
from conv_reference.verification.plan import Request, Sweep, plan

CHECKS = tuple(all_checks().values())
SHORT = Request(dtypes=(torch.float32,), seed=0, budget=0.1, sweep=Sweep.SMALL)


def test_a_check_that_applies_to_no_dtype_of_the_run_is_named() -> None:
    limited = [check for check in CHECKS if check.dtypes is not None]
    assert [*notes.inapplicable(limited, [torch.float32])] == [
        "not asked: gradgradcheck, which applies to float64 alone"
    ]
    assert not [*notes.inapplicable(limited, [torch.float32, torch.float64])]


def test_a_sweep_says_what_it_leaves_out_and_a_single_geometry_has_nothing_to_say() -> None:
    (said,) = notes.unswept(SHORT, CHECKS)
    assert said.startswith(f"not asked: {len(CHECKS) - 1} other checks, for the sweep small puts")
    one = Geometry(input_size=(2, 3), kernel_size=(1, 2))
    single = Request(dtypes=(torch.float32,), seed=0, budget=0.1, sweep=Sweep.SMALL, geometry=one)
    assert not [*notes.unswept(single, CHECKS)]


def test_what_was_not_reached_is_counted_by_check() -> None:
    chosen = plan(as_target(conv2d), SHORT)
    results: list[object] = [None, None, *([()] * (len(chosen.cases) - 2))]
    assert notes.unreached(chosen, results) == ["not reached: 2 cases of certificate"]
