from __future__ import annotations

import pytest
import torch

from conv_reference.operands import exact_operands
from conv_reference.verification.target.strangers.attempt import TINY
from conv_reference.verification.target.strangers.tensor_forms import (
    FORMS,
    INPUTS,
    TORCHS,
    WEIGHTS,
    InputForm,
    WeightForm,
    first_tensor,
    laid_out,
)

OPERANDS = exact_operands(TINY, torch.float32, seed=0)


@pytest.mark.parametrize("form", INPUTS, ids=lambda form: form.name)
def test_the_way_back_undoes_the_way_there(form: InputForm) -> None:
    X = OPERANDS.input if form.batch else OPERANDS.input[:1]
    assert form.there(X).dim() == form.dimensions
    torch.testing.assert_close(form.back(form.there(X)), X, rtol=0, atol=0)


def test_no_two_forms_give_a_tensor_the_same_shape() -> None:
    """So that a layer's own kernel shows its form, and at most one form of X fits."""
    for forms, tensor in ((INPUTS, OPERANDS.input), (WEIGHTS, OPERANDS.weight)):
        assert len({form.there(tensor).shape for form in forms}) == len(forms)


@pytest.mark.parametrize("form", [*INPUTS, *WEIGHTS], ids=lambda form: form.word)
@pytest.mark.parametrize("first", [1, 2])
def test_what_is_contiguous_is_that_in_a_forms_own_axes(
    form: InputForm | WeightForm, first: int
) -> None:
    """A view of it, so that a write into an argument is seen."""
    tensor = OPERANDS.input[:first].clone()
    laid = laid_out(tensor, form.order)
    assert torch.equal(laid, tensor)
    assert form.there(laid).is_contiguous()
    assert form.there(laid).data_ptr() == laid.data_ptr()


def test_what_lies_otherwise_stays_as_it_lies() -> None:
    held = torch.zeros(3, 3, 5, 9)
    for tensor in (held[1:], held.transpose(2, 3), held[:1], held[:, :, ::2]):
        assert laid_out(tensor, (0, 2, 3, 1)) is tensor


def test_only_torchs_own_form_has_nothing_to_say() -> None:
    assert [form for form in FORMS if not form.described()] == [TORCHS]
    assert len({str(form.described()) for form in FORMS}) == len(FORMS)


def test_a_cache_behind_the_result_is_left() -> None:
    Y = OPERANDS.grad_output
    assert first_tensor((Y, "cache")) is Y
    assert first_tensor(Y) is Y
    assert first_tensor(("cache", Y)) == ("cache", Y)
