"""The catalogue holds what it says; every fault is behind a guard, every sound one is right."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import conv1d, conv2d, conv_transpose2d

from conv_reference.verification.faults import collection, line, transposed
from conv_reference.verification.faults.collection import CLASSES, FAULTS, OPERATORS, planted_in
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.sound import collection as sound
from conv_reference.verification.faults.sound.collection import SOUND
from conv_reference.verification.faults.sound.routes import ROUTES
from conv_reference.verification.target.loading import load_target


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 150
    assert len(CLASSES) >= 45
    assert len(SOUND) >= 40
    assert sum(fault.blind == 1 for fault in FAULTS.values()) == 30
    assert {"Y", "dX", "dK", "db", "second order"} <= {f.quantity for f in FAULTS.values()}
    assert len({planted.name for planted in CLASSES}) == len(CLASSES)
    assert [len(planted_in(operator)) > 5 for operator in OPERATORS] == [True] * 3
    transposed = planted_in("conv_transpose2d")
    assert {"Y", "dX", "dK", "db", "second order", "arguments"} <= {f.quantity for f in transposed}


def test_a_fault_says_what_it_is_about_and_is_found_by_its_name() -> None:
    for fault in FAULTS.values():
        assert fault.guard
        assert fault.kind
        assert fault.thread == "" or re.search(r"#\d+$", fault.thread)
        assert getattr(collection, fault.name) is fault.function
    assert FAULTS["double_not_flipped"].about == ("groups", "stride", "padding", "float64")


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("short_index", "conv2d"),
        ("FoldedInEval", "conv2d"),
        ("same_on_the_wrong_side", "conv2d"),
        ("kernel_not_turned", "conv_transpose2d"),
        ("line_read_once", "conv2d"),  # of one row
    ],
)
def test_a_fault_is_a_target(name: str, operator: str) -> None:
    target = load_target(FAULTS[name].target)

    assert target.name == FAULTS[name].target
    assert target.operator.name == operator


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(AttributeError, match="no planted fault is called short_indices"):
        _ = collection.short_indices


def test_a_guard_is_about_nothing_that_there_is_no_word_for() -> None:
    plant = FaultClass("ORDER", "kind").whole("Y", "always", about="groups weather")
    with pytest.raises(AssertionError, match="nameless is about groups weather"):

        @plant
        def nameless() -> None:
            raise NotImplementedError


def test_two_of_one_name_are_refused() -> None:
    planted = FaultClass("ORDER", "kind")
    plant = planted("Y", "always")

    def same(X: Tensor, K: Tensor, z: Any) -> Tensor:
        raise NotImplementedError

    plant(same)
    with pytest.raises(AssertionError, match="two mutants are called same"):
        plant(same)


def called(implementation: Any, X: Tensor, K: Tensor, b: Tensor | None, *options: Any) -> Tensor:
    """Y of a function, or of a layer with these parameters."""
    if not (inspect.isclass(implementation) and issubclass(implementation, nn.Module)):
        Y: Tensor = implementation(X, K, b, *options)
        return Y
    o, c, kh, kw = K.shape
    layer = implementation(c * options[3], o, (kh, kw), *options, bias=b is not None)
    values = {"weight": K} if b is None else {"weight": K, "bias": b}
    result: Tensor = functional_call(layer.double(), values, X)
    return result


def results(implementation: Any, sizes: Any, *options: Any) -> Iterator[Tensor]:
    """Y, dX, dK and db, over small integers."""
    generator = torch.Generator().manual_seed(1)
    X, K, b = (
        torch.randint(-9, 10, size, generator=generator).double().requires_grad_() for size in sizes
    )
    Y = called(implementation, X, K, b, *options)
    yield Y
    G = torch.randint(-9, 10, Y.shape, generator=generator).double()
    yield from torch.autograd.grad(Y, (X, K, b), G)


# Of each operator torch's own, and what it is called with where no guard holds.
PLAIN: dict[str, Any] = {
    "conv2d": (conv2d, ((1, 1, 3, 3), (1, 1, 1, 1), (1,)), (1, 1), (0, 0), (1, 1), 1),
    "conv_transpose2d": (
        conv_transpose2d, ((1, 1, 3, 4), (1, 1, 1, 1), (1,)), (1, 1), (0, 0), (0, 0), 1, (1, 1),
    ),
    "conv1d": (conv1d, ((1, 1, 3), (1, 1, 1), (1,)), 1, 0, 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_right_where_its_guard_does_not_hold(name: str) -> None:
    fault = FAULTS[name]
    right, *plain = PLAIN[fault.operator]

    assert all(map(torch.equal, results(fault.function, *plain), results(right, *plain)))


@pytest.mark.parametrize(
    "case",
    [
        (((2, 4, 3, 4), (4, 3, 3, 2), (6,)), (2, 3), (1, 0), (1, 2), 2, (2, 1)),
        (((3, 2, 1, 5), (2, 3, 1, 1), (3,)), (1, 2), (0, 0), (0, 1), 1, (1, 1)),
        (((2, 4, 2, 3), (4, 2, 2, 3), (8,)), (3, 1), (2, 3), (2, 0), 4, (3, 2)),
    ],
    ids=["grouped", "one tap", "depthwise"],
)
def test_the_transposed_convolution_that_faults_are_planted_in_is_right(case: Any) -> None:
    own, torchs = transposed.conv_transpose2d, conv_transpose2d
    assert all(map(torch.equal, results(own, *case), results(torchs, *case)))


def test_the_convolution_in_a_line_that_faults_are_planted_in_is_right() -> None:
    case = ((2, 4, 9), (6, 2, 3), (6,)), (2,), 1, (2,), 2
    assert all(map(torch.equal, results(line.conv1d, *case), results(conv1d, *case)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"output_padding": 2}, r"an output padding \(2, 2\) as large as the stride \(2, 2\)"),
        ({"output_padding": -1}, "too small"),
        ({"dilation": 0}, "too small"),
        ({"padding": 3}, "nothing is left of an output of -1 by -1"),
        ({"groups": 3}, "channels do not fit"),
        ({"bias": torch.zeros(2)}, "a bias of shape"),
        ({"weight": torch.zeros(2, 3, 3, 3).half()}, "differ in dtype"),
        ({"input": torch.zeros(2, 2, 2)}, "four dimensions each"),
    ],
)
def test_what_is_no_transposed_convolution_is_refused(changes: Any, said: str) -> None:
    given = {"input": torch.zeros(1, 2, 2, 2), "weight": torch.zeros(2, 3, 3, 3), "stride": 2}
    with pytest.raises(ValueError, match=said):
        transposed.conv_transpose2d(**given | changes)


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(
    "case",
    [
        (((2, 4, 7, 6), (6, 2, 3, 2), (6,)), (2, 1), (1, 2), (1, 2), 2),
        (((3, 3, 8, 9), (4, 3, 3, 3), (4,)), (1, 1), (0, 1), (1, 1), 1),
        (((0, 2, 5, 5), (2, 2, 2, 2), (2,)), (1, 1), (0, 0), (1, 1), 1),
        (((2, 4, 9, 9), (4, 1, 3, 3), (4,)), (3, 2), (1, 1), (2, 1), 4),
    ],
    ids=["grouped", "plain", "empty", "depthwise"],
)
def test_every_route_leads_to_the_same_numbers(name: str, case: Any) -> None:
    assert all(map(torch.equal, results(SOUND[name], *case), results(conv2d, *case)))


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_convolution_is_what_its_name_loads(name: str) -> None:
    """A module that the table imports would stand in the place of one of its name."""
    assert getattr(sound, name) is SOUND[name]
