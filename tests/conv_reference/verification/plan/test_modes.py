from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.checks import Sample
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.plan.covering import Covering
from conv_reference.verification.plan.modes import mode_cases
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.plan.selection import selected_checks
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.untraced

TARGET = as_target(torch.nn.functional.conv2d)
ALL = tuple(DTYPES.values())
REQUEST = Request(ALL, seed=3, cases=2_000)
COVERING = Covering.of(TARGET, ALL, strength=2, seed=3).cases

FAR: dict[str, Callable[[Geometry], bool]] = {
    "samples": lambda g: g.batch > 4,
    "outputs in a row or column": lambda g: max(g.output_size) > 15,
    "channels in": lambda g: g.group_channels[0] > 6,
    "channels out": lambda g: g.group_channels[1] > 6,
    "groups": lambda g: g.groups > 4,
    "taps": lambda g: max(g.kernel_size) > 5,
    "stride": lambda g: max(g.stride) > 3,
    "padding": lambda g: max(max(g.padding)) > 3,
    "dilation": lambda g: max(g.dilation) > 4,
}


def by_check(request: Request, *added: str) -> dict[tuple[str, torch.dtype], list[Case]]:
    """The cases of a plan, where checks of these names stand first."""
    checks = selected_checks(TARGET, ())
    some = next(check for check in checks if check.sample == Sample.SMALL)
    everything = [*(replace(some, name=name) for name in added), *checks]
    found = defaultdict(list)
    for case in mode_cases(TARGET, request, everything, COVERING):
        found[case.check, case.dtype].append(case)
    return found


def test_a_check_that_is_added_changes_no_other_checks_cases() -> None:
    before, after = by_check(REQUEST), by_check(REQUEST, "a_new_check")
    assert {name for name, _ in after} - {name for name, _ in before} == {"a_new_check"}
    assert {key: cases for key, cases in after.items() if key[0] != "a_new_check"} == before


def test_each_check_is_put_to_an_empty_batch_once() -> None:
    """In one of its dtypes; but for those that nobody answers of no sample."""
    counts = dict.fromkeys((check.name for check in selected_checks(TARGET, ())), 0)
    for (name, _), cases in by_check(REQUEST).items():
        counts[name] += sum(case.geometry.batch == 0 for case in cases)
    asked_of_samples = {"jacrev", "jacfwd", "extremes", "double_backward", "third_order"}
    asked_of_samples |= {"gradgradcheck"}
    own = {check.name for check in selected_checks(TARGET, ()) if check.sample == Sample.OWN}
    without = asked_of_samples | own | {"certificate"}
    assert {name: count for name, count in counts.items() if name not in without} == dict.fromkeys(
        counts.keys() - without, 1
    )
    assert not any(counts[name] for name in asked_of_samples)


def test_each_dtype_of_a_check_has_cases_of_its_own() -> None:
    found = by_check(REQUEST)
    drawn = next(c.name for c in selected_checks(TARGET, ()) if c.sample == Sample.SMALL)
    geometries = [[case.geometry for case in found[drawn, dtype]] for dtype in ALL[:2]]
    assert geometries[0] != geometries[1]


def test_another_seed_draws_others() -> None:
    assert by_check(REQUEST) != by_check(replace(REQUEST, seed=4))


def test_modes_are_put_to_more_samples_and_pixels_than_the_covering_array_has() -> None:
    cases = [
        case for (name, _), found in by_check(REQUEST).items() if name == "jvp" for case in found
    ]
    assert any(case.geometry.batch > 4 or case.geometry.groups > 4 for case in cases)
    assert any(math.prod(case.geometry.output_size) > 64 for case in cases)


@pytest.mark.parametrize("seed", [1, 2])
def test_each_mode_has_each_size_far_out_in_a_default_run(seed: int) -> None:
    modes = [c for c in selected_checks(TARGET, ()) if c.sample == Sample.MODES and not c.dtypes]
    lacking = {check.name: {*FAR} for check in modes}
    for case in mode_cases(TARGET, Request(ALL, seed=seed), modes, COVERING):
        lacking[case.check] -= {what for what, is_far in FAR.items() if is_far(case.geometry)}
    assert not {name: sizes for name, sizes in lacking.items() if sizes}


def test_where_no_size_has_room_for_exact_integers_no_case_is_drawn_for_ever() -> None:
    """Sums of 300 products are past the 256 integers that bfloat16 holds."""
    target = TARGET.within("c >= 300 and g == 1")
    every = selected_checks(target, ())
    small = [check for check in every if check.sample == Sample.SMALL and not check.real][:1]
    dtypes = (torch.float32, torch.bfloat16)
    found = [*mode_cases(target, Request(dtypes, seed=3, cases=200), small, ())]
    assert {case.dtype for case in found} == {torch.float32}


@pytest.mark.parametrize("names", [("compile",), ("compile", "export"), ("autocast_precision",)])
def test_what_is_asked_for_by_name_is_asked_in_each_dtype_before_again_in_any(
    names: tuple[str, ...],
) -> None:
    """A compiler takes seconds for each case, so that the clock cuts most of such a run."""
    asked = plan(TARGET, Request(ALL, seed=3, checks=names)).cases
    checks = selected_checks(TARGET, names)
    first = {(c.name, dtype) for c in checks for dtype in ALL if c.applies(dtype)}
    assert {(case.check, case.dtype) for case in asked[: len(first)]} == first
    assert len(asked) > len(first)


def test_in_a_default_run_the_dtypes_of_a_check_take_turns() -> None:
    cases = mode_cases(TARGET, REQUEST, selected_checks(TARGET, ("adjointness",)), COVERING)
    assert {case.dtype for case in islice(cases, len(ALL))} == {*ALL}


def test_each_mode_is_asked_of_what_most_fast_paths_are_for() -> None:
    """Kernels of 3x3, stride 1: none of the covering array's many pairs is much like a layer."""
    cases = plan(TARGET, Request(ALL, seed=1)).cases
    layers = Counter(case.check for case in cases if is_commonest(case.geometry))
    asked = Counter(case.check for case in cases)
    often = [name for name, number in asked.items() if number >= 40]

    assert len(often) > 40
    assert sum(layers[name] > 0 for name in often) > 0.95 * len(often)
    assert layers["certificate"] > 200


def test_checks_of_values_ask_without_gradients_of_each_kind_of_sizes() -> None:
    cases = by_check(Request(ALL, seed=3))
    of_values = {check.name for check in selected_checks(TARGET, ()) if check.of_values}
    assert {"structured_zeros", "precision", "nonfinite"} <= of_values
    for name in of_values:
        asked = [case for dtype in ALL for case in cases.get((name, dtype), ())]
        without = [case for case in asked if not case.requires_grad]
        assert 0 < len(without) < len(asked)
    every = [case for those in cases.values() for case in those if not case.requires_grad]
    assert {case.check for case in every} - of_values == set()
    assert any(is_commonest(case.geometry) for case in every)
    assert any(max(case.geometry.group_channels) > 16 for case in every)


def test_where_few_cases_are_drawn_some_have_sizes_that_are_alike() -> None:
    """As many channels as taps: a kernel whose dimensions are exchanged has the shape of one."""
    few = {check.name for check in selected_checks(TARGET, ()) if check.sample == Sample.FEW}
    for (name, _), cases in by_check(REQUEST).items():
        shapes = (case.geometry.weight_shape for case in cases)
        assert name not in few or len(cases) < 3 or any(len({*shape}) == 1 for shape in shapes)


def is_commonest(g: Geometry) -> bool:
    return g.kernel_size == (3, 3) and g.stride == g.dilation == (1, 1) and g.groups == 1
