from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
import torch

from conv_reference.layer import ConvLayer_1
from conv_reference.verification.model.case import DTYPES, Case, Values
from conv_reference.verification.plan.covering import Covering, coverage, covering_array
from conv_reference.verification.plan.factors import factors_of
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Target

ALL = tuple(DTYPES.values())


@pytest.fixture(scope="module")
def covering() -> Covering:
    return Covering.of(as_target(torch.nn.functional.conv2d), ALL, strength=2, seed=0)


def test_all_pairs_are_met_where_all_cases_are(covering: Covering) -> None:
    covered = covering.coverage(covering.cases)
    assert covered.pairs == covered.possible_pairs > 0


@pytest.mark.slow
def test_a_dtype_of_hardly_any_integers_meets_every_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of its rows have room for sparse values alone, which leave nothing expanded."""
    monkeypatch.setitem(DTYPES, "float8_e5m2", torch.float8_e5m2)
    dtypes = (torch.float64, torch.float8_e5m2)
    for target in (torch.nn.functional.conv2d, ConvLayer_1):
        covering = Covering.of(as_target(target), dtypes, strength=2, seed=0)
        covered = covering.coverage(covering.cases)
        assert any(case.values == Values.SPARSE for case in covering.cases)
        assert covered.pairs == covered.possible_pairs

    both = Covering.of(as_target(ConvLayer_1), dtypes, strength=3, seed=0)
    covered = both.coverage(both.cases)
    assert covered.triples > 0.99 * covered.possible_triples


def test_what_no_size_has_room_for_is_not_met() -> None:
    target = as_target(torch.nn.Conv2d(512, 512, 3))
    covering = Covering.of(target, (torch.float64, torch.bfloat16), strength=2, seed=0)
    covered = covering.coverage(covering.cases)
    assert covered.pairs == covered.possible_pairs - 3  # an expanded X, K or G in bfloat16


def test_a_case_that_was_not_met_covers_nothing(covering: Covering) -> None:
    every = covering.coverage(covering.cases)
    assert covering.coverage(covering.cases[1:]).pairs < every.pairs
    assert covering.coverage(()).pairs == 0


def test_what_was_met_has_a_level_of_each_factor(covering: Covering) -> None:
    for levels, (row, _) in zip(covering.rows_of(covering.cases), covering.rows, strict=True):
        assert {*levels} == {*row} == {*covering.factors}


@pytest.mark.slow
def test_further_rows_hold_triples_that_no_other_holds(covering: Covering) -> None:
    def triples(levels: Mapping[str, Any]) -> set[Any]:
        return {*combinations(sorted(levels.items()), 3)}

    judged = [row for row, _ in covering.toward((), 5, seed=3).rows[-5:]]
    further = covering.toward(judged, 5, seed=3)

    assert further.rows[:-5] == covering.rows
    held = {
        triple for row in (*judged, *(row for row, _ in covering.rows)) for triple in triples(row)
    }
    for row, case in further.rows[-5:]:
        assert triples(row) - held
        assert str(case.dtype) == f"torch.{row['dtype']}"
        held |= triples(row)
    assert covering.toward(judged, 5, seed=3) == further != covering.toward(judged, 5, seed=4)


def test_where_nothing_is_left_out_it_stays_itself(covering: Covering) -> None:
    assert covering.without(lambda _: False) is covering


@pytest.mark.parametrize("target", [torch.nn.functional.conv2d, ConvLayer_1])
def test_what_is_left_out_is_stood_in_for_so_that_every_pair_still_occurs(target: object) -> None:
    covering = Covering.of(as_target(target), ALL, strength=2, seed=1)

    def left_out(case: Case) -> bool:
        return (case.geometry.batch, case.geometry.kernel_size, case.dtype) == triple

    first = covering.cases[0]
    triple = first.geometry.batch, first.geometry.kernel_size, first.dtype
    lost = set(filter(left_out, covering.cases))
    assert lost
    before = covering.coverage(set(covering.cases) - lost)
    after = covering.without(left_out)
    covered = after.coverage(after.cases)

    assert not any(map(left_out, after.cases))
    assert before.pairs < covered.pairs == covered.possible_pairs


def test_a_pair_that_is_always_left_out_is_not_met(covering: Covering) -> None:
    names = ("batch", "kernel_h")

    def left_out(case: Case) -> bool:
        return (case.geometry.batch, case.geometry.kernel_size[0]) == levels

    levels = next(
        tuple(row[name] for name in names) for row, case in covering.rows if case.geometry.batch
    )
    after = covering.without(left_out)
    covered = after.coverage(after.cases)

    assert covered.pairs == covered.possible_pairs - 1
    met = {pair for row, _ in after.rows for pair in combinations(sorted(row.items()), 2)}
    assert tuple(zip(names, levels, strict=True)) not in met


def test_triples_are_covered_where_they_are_asked_for() -> None:
    factors: dict[str, tuple[Any, ...]] = {
        "bias": ("bias", "nobias"),
        "stride_h": (1, 2),
        "remainder_h": ("none", "most"),
    }
    factors |= {"batch": (1, 2, 3)}
    rows = covering_array(factors, strength=3, seed=0)
    covered = coverage(factors, rows)

    # bias × batch × 2·2 - 1, and so on, by hand: 3 axes of (2, 3 allowed pairs, 3).
    assert (covered.triples, covered.possible_triples) == (6 + 12 + 12 + 9,) * 2
    assert coverage(factors, rows[:1]).triples == 4


def test_the_seed_decides_the_order() -> None:
    factors = factors_of(as_target(ConvLayer_1), ALL)
    first, again, other = (covering_array(factors, strength=2, seed=s) for s in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    "target",
    [
        as_target(torch.nn.functional.conv2d).within("g == 1"),
        as_target(torch.nn.functional.conv2d).within("kh == kw"),
        replace(as_target(torch.nn.functional.conv2d), integers=frozenset({"kernel_size"})),
    ],
    ids=["one group", "square kernels", "one integer"],
)
def test_what_is_counted_is_what_the_cases_have(target: Target) -> None:
    """Pairs of groups and of a kernel's sides, counted by hand in the geometries that are put."""
    covering = Covering.of(target, ALL, strength=2, seed=0)
    groups = {case.geometry.groups for case in covering.cases}
    kernels = {case.geometry.kernel_size for case in covering.cases}
    rows = covering.rows_of(covering.cases)
    covered = covering.coverage(covering.cases)

    assert {row["groups"] for row in rows} == groups
    assert {(row["kernel_h"], row["kernel_w"]) for row in rows} == kernels
    assert covered.pairs == covered.possible_pairs
    factors = {name: covering.factors[name] for name in ("groups", "kernel_h", "kernel_w")}
    of_three = coverage(factors, rows, covering.impossible)
    assert of_three.possible_triples == of_three.triples == len(groups) * len(kernels)


def test_further_rows_of_a_domain_hold_their_triples() -> None:
    target = as_target(torch.nn.functional.conv2d).within("kh == kw")
    covering = Covering.of(target, (torch.float64,), strength=2, seed=0)
    further = covering.toward((), 10, seed=0)
    before, after = (each.coverage(each.cases) for each in (covering, further))
    assert after.triples >= before.triples + 10
