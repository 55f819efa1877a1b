from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from typing import Any

import pytest
import torch
from torch_as_framework import Right

from conv_reference.operands import largest_exact_integer
from conv_reference.verification.checks import all_checks, certifying
from conv_reference.verification.model.case import DTYPES, EXACT_VALUES, Case
from conv_reference.verification.plan.grouped import QUESTIONS
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.target.conventions import as_target

ALL = tuple(DTYPES.values())


class Free(Right):
    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        raise NotImplementedError

    def vmap(self, f: Any, in_dims: Any) -> Any:
        raise NotImplementedError


class Compiled(Free):
    compiles_per = "shape"


def cases_of(framework: Free, request: Request) -> tuple[Case, ...]:
    return plan(as_target(framework), request).cases


@pytest.fixture(scope="module")
def default() -> tuple[Case, ...]:
    return cases_of(Compiled(), Request(ALL, seed=0, cases=2_000))


def test_few_geometries_are_put_to_as_many_questions(default: tuple[Case, ...]) -> None:
    free = cases_of(Free(), Request(ALL, seed=0, cases=2_000))
    grouped, apart = (len({case.geometry for case in cases}) for cases in (default, free))
    # In eight bits hardly a geometry has room for any values but sparse ones.
    asked, free_to_ask = (
        sum(largest_exact_integer(case.dtype) >= 2**8 for case in cases)
        for cases in (default, free)
    )

    assert asked > 0.75 * free_to_ask
    assert grouped < apart / 3


def test_a_geometrys_questions_stand_together_in_one_dtype_with_all_values() -> None:
    cases = cases_of(Compiled(), Request((torch.float32,), seed=1, cases=1_000, sweep=Sweep.SMALL))
    groups = [[*group] for _, group in groupby(cases, lambda c: (c.geometry, c.dtype))]
    dense = [group for group in groups if len(group) > 2]

    assert all(len(group) <= QUESTIONS for group in groups)
    assert len(dense) > 0.9 * len(groups)
    assert all({case.values for case in group} >= {*EXACT_VALUES} for group in dense)


def test_in_a_run_other_checks_join_in_on_the_certificates_geometry(
    default: tuple[Case, ...],
) -> None:
    bulk = {case.geometry for case in default[-500:]}
    checks = defaultdict(set)
    for case in default:
        if case.geometry in bulk:
            checks[case.geometry].add(case.check)

    joined = {name for names in checks.values() for name in names} - {certifying().name}
    assert len(joined) > 5
    assert joined.isdisjoint({"double_backward", "memory"})  # programs of their own
    assert all(certifying().name in names for names in checks.values())


def test_two_of_each_mode_come_before_the_second_hundred_certificates(
    default: tuple[Case, ...],
) -> None:
    name = certifying().name
    certificates = [n for n, case in enumerate(default) if case.check == name]
    modes = {check.name for check in all_checks().values() if check.transform}
    before, every = (
        Counter((case.check, case.dtype) for case in cases if case.check in modes)
        for cases in (default[: certificates[100]], default)
    )

    assert len(every) > 40
    assert {key: min(2, count) for key, count in every.items()} == before


def test_a_run_that_is_cut_early_has_asked_for_each_mode(default: tuple[Case, ...]) -> None:
    kinds = [check for check in all_checks().values() if check.name != certifying().name]
    names = {check.name for check in kinds} & {case.check for case in default}
    modes = {check.name for check in kinds if check.transform} & names
    soon = [case for case in default[: 2 * len(modes)] if case.check in modes]

    assert len(modes) > 10
    assert {case.check for case in soon} == modes
    assert {case.dtype for case in soon} == {*ALL}  # not all of them in the first
    certificates = [case.check == certifying().name for case in default[: 2 * len(names)]]
    assert sum(certificates) == len(names)  # in turn with them
    assert {case.check for case in default[: 2 * len(names)]} - {certifying().name} == names


def test_cases_in_place_of_those_that_would_crash_leave_the_others_in_order() -> None:
    drawn = plan(as_target(Compiled()), Request(ALL, seed=0, cases=60))
    dropped = {case for case in drawn.cases if case.check == certifying().name and case.bias}

    assert drawn.completed(lambda _: False) == drawn
    completed = drawn.completed(lambda case: case in dropped).cases
    further = len(completed) - len(drawn.cases)
    assert further > 0
    assert completed[further:] == drawn.cases
    assert {case.check for case in completed[:further]} == {certifying().name}


def test_what_compiles_for_no_shape_has_a_geometry_for_each_question() -> None:
    cases = cases_of(Free(), Request(ALL, seed=0, cases=500))[-200:]
    assert len({case.geometry for case in cases}) > 190
