from __future__ import annotations

import re
import time
from dataclasses import replace

import torch

from conv_reference.verification import verify
from conv_reference.verification.checks import all_checks
from conv_reference.verification.checks._registry import Sample
from conv_reference.verification.model.sizes import products
from conv_reference.verification.plan.call_pace import CallPace
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target


def test_some_hundred_cases_of_every_kind() -> None:
    request = Request(dtypes=(torch.float64, torch.float32), seed=0, quick=True)
    cases = plan(as_target(torch.nn.functional.conv2d), request).cases
    assert 200 < len(cases) < 400
    wanted = {name for name, c in all_checks().items() if c.sample != Sample.REQUEST}
    left_out = {
        "large",
        "evaluation",
        "copied_layer",
        "options_set_back",
        "reloaded_layer",
        "padding_modes",
    }
    left_out |= {"long_sums"}  # of half precision alone
    assert {case.check for case in cases} == wanted - left_out
    assert {case.dtype for case in cases} == {torch.float64, torch.float32}


def test_what_loads_the_compiler_comes_before_the_certificates() -> None:
    request = Request(dtypes=(torch.float32,), seed=0, quick=True)
    names = [case.check for case in plan(as_target(torch.nn.functional.conv2d), request).cases]
    first = {*names[: names.index("certificate")]}
    transforms = {name for name in names if all_checks()[name].transform}
    assert first == transforms | {"global_state", "settings", "graph_neighbours"}


def test_a_quick_run_says_what_it_leaves_out() -> None:
    def wrong(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return -torch.nn.functional.conv2d(input, weight)

    report = verify(wrong, quick=True, checks="certificate", dtypes="float32", seed=0, known=None)
    assert not report
    assert "without --quick" in str(report)


def test_of_a_slow_target_there_are_the_lightest_and_as_many_as_take_seconds() -> None:
    target = as_target(torch.nn.functional.conv2d)
    request = Request(dtypes=(torch.float32,), seed=0, quick=True)
    usual = plan(target, request)
    assert not usual.left
    assert plan(target, replace(request, pace=CallPace(1e-5, 1e-8))) == usual
    slow = plan(target, replace(request, pace=CallPace(1e-4, 1e-5)))
    slower = plan(target, replace(request, pace=CallPace(1e-4, 1e-4)))
    numbers = [len(found.cases) for found in (usual, slow, slower)]
    assert numbers == sorted(numbers, reverse=True)
    greatest = [max(products(c.geometry) for c in found.cases) for found in (usual, slow, slower)]
    assert greatest == sorted(greatest, reverse=True)
    assert re.fullmatch(
        r"the largest \d\d of 160 cases of the check certificate, and \d other checks", slow.left
    ), slow.left
    hardly = plan(target, replace(request, pace=CallPace(1.0, 1e-4)))
    assert [case.check for case in hardly.cases] == 12 * ["certificate"]
    assert hardly.left.startswith("the largest 148 of 160 cases of the check certificate, and ")
    assert hardly.left.endswith(" other checks")


def test_what_was_not_requested_is_not_said_to_be_left_out_of_a_slow_target() -> None:
    target = as_target(torch.nn.functional.conv2d)
    request = Request(
        dtypes=(torch.float32,), seed=0, quick=True, checks=("large", "vmap", "additivity")
    )
    slow = plan(target, replace(request, pace=CallPace(1.0, 1e-4)))
    assert (slow.cases, slow.left) == ((), "2 other checks")


def test_a_quick_run_of_a_slow_target_says_what_it_leaves_out() -> None:
    def slow(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        end = time.thread_time() + 1e-5 * Y.numel() * weight[0].numel()
        while time.thread_time() < end:
            pass
        return Y

    report = verify(slow, quick=True, checks="certificate", dtypes="float32", seed=0, known=None)
    assert report, str(report)
    assert "not asked, for at the target's pace --quick would take long: " in str(report)
