from __future__ import annotations

import pytest
import torch

from conv_reference.chapter.filters import LAYERS, make_filter


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_computes_the_same_map_and_gradient(layer: str) -> None:
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randint(-9, 10, (2, 3), generator=generator).double()
    images = torch.randint(0, 256, (4, 5, 6), generator=generator).double()
    apply, literal = make_filter(layer, kernel), make_filter("literal", kernel)
    for one in (apply, literal):
        torch.autograd.backward(one(images).square().sum())

    assert torch.equal(apply(images), literal(images))
    assert apply.weight.grad is not None
    assert literal.weight.grad is not None
    assert torch.equal(apply.weight.grad.reshape(2, 3), literal.weight.grad)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_fixed_filter_does_not_learn_and_its_kernel_is_a_copy(layer: str) -> None:
    before = torch.get_rng_state()
    fixed = make_filter(layer, torch.ones(3, 3), learns=False)
    fixed.kernel.zero_()

    assert not fixed(torch.ones(1, 4, 4)).requires_grad
    assert torch.equal(fixed.kernel, torch.ones(3, 3))
    assert torch.equal(torch.get_rng_state(), before)
