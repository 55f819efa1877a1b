"""What is odd is said by its type alone; what cannot be written down does no harm."""

from __future__ import annotations

from typing import Any

import odd
import pytest
import torch
from torch import Tensor, nn

from conv_reference.verification.target.answers import Odd, looked_at, message_of, type_name

X, K = torch.ones(1, 1, 3, 4), torch.ones(1, 1, 2, 2)


@pytest.mark.parametrize("plain", [X, nn.Parameter(K), X[..., ::2], torch.ones(0), None])
def test_a_plain_tensor_is_handed_on(plain: Any) -> None:
    assert looked_at(plain) is plain


def test_an_attribute_that_replaces_nothing_is_no_harm() -> None:
    marked: Any = X.clone()
    marked.note = "padded"
    assert looked_at(marked) is marked


@pytest.mark.parametrize(
    ("answer", "expected", "found"),
    [
        (odd.a_rude_subclass, "a plain tensor", "of the subclass Rude"),
        (odd.without_a_class, "a tensor", "NoClass"),
        (odd.nested, "a plain tensor", "a nested tensor"),
        (odd.jagged, "a plain tensor", "of the subclass NestedTensor"),
        (odd.on_meta, "a plain tensor", "without numbers, on meta"),
        (odd.fake, "a plain tensor", "of the subclass FakeTensor"),
        (odd.sparse, "a plain tensor", "of the layout torch.sparse_coo"),
        (odd.a_tuple, "a tensor", "tuple"),
        (odd.a_detach_of_its_own, "a plain tensor", "a tensor with detach of its own"),
    ],
)
def test_what_is_odd_is_named(answer: Any, expected: str, found: str) -> None:
    seen = looked_at(answer(X, K))
    assert seen == Odd(expected, found)
    assert looked_at(seen) is seen


def test_a_tensor_of_a_level_that_is_gone_is_odd() -> None:
    kept: list[Any] = []

    def keeps(tensor: Tensor) -> Tensor:
        kept.append(tensor * 2)
        return tensor

    torch.func.vmap(keeps)(X)
    assert looked_at(kept[0]).found == "a tensor of a transform that was left entered"


def test_whatever_is_thrown_can_be_written_down() -> None:
    said = {}
    for name, function in odd.THROWN.items():
        with pytest.raises(Exception) as raised:  # noqa: PT011 (any of them)
            function(X, K)
        said[name] = message_of(raised.value)
    assert said["what_cannot_be_said"] == "(it cannot be written down)"
    assert said["what_slips"] == "slips"
    assert len(said["ten_megabytes"]) == 4_000


def test_a_name_is_the_types_own() -> None:
    assert type_name(odd.NoClass()) == "NoClass"
