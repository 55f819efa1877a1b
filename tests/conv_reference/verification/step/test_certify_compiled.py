"""Compiled code runs on as compiled, and what it asks of torch's convolution is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from conv_reference.verification.step.certify import certify

X = torch.randn(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))


class Backend:
    """Counts how often what it compiled is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, graph: Any, _: Any) -> Any:
        def run(*args: Any) -> Any:
            self.calls += 1
            return graph(*args)

        return run


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Network(nn.Module):
    """Two convolutions, in code that is no torch's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.last(self.first(image).relu())
        return scores


@pytest.mark.parametrize("before", [True, False], ids=["compiled before", "compiled within"])
@pytest.mark.parametrize("in_place", [True, False], ids=["its method", "a wrapper"])
def test_a_compiled_model_stays_compiled_within_and_afterwards(
    before: bool, in_place: bool
) -> None:
    backend, model = Backend(), Network()
    compiled: Any = model
    if in_place:
        model.compile(backend=backend)
    else:
        compiled = torch.compile(model, backend=backend)
    if before:
        compiled(X)
    with certify(compiled) as certificate:
        compiled(X).square().sum().backward()
    compiled(X)

    assert backend.calls == 2 + before
    prefix = "" if in_place else "_orig_mod."
    assert [row.name for row in certificate.rows] == [f"{prefix}first", f"{prefix}last"]
    assert all(row.judged == 2 for row in certificate.rows)
    assert certificate.passed


def test_certificates_of_a_compiled_model_do_not_compile_it_anew() -> None:
    compilations = 0

    def backend(graph: Any, _: Any) -> Any:
        nonlocal compilations
        compilations += 1
        return graph

    compiled: Any = torch.compile(Network(), backend=backend)
    for _ in range(4):
        with certify(compiled, replayed=False):
            compiled(X)
    assert compilations == 1


def test_outside_of_any_module_a_kernel_is_named_by_whose_parameter_it_is() -> None:
    model = Network()
    first, last = model.first, model.last

    def functional(image: Tensor) -> Tensor:
        hidden = torch.nn.functional.conv2d(image, first.weight, first.bias)
        return torch.nn.functional.conv2d(hidden, last.weight)

    with certify(model) as certificate, torch.autocast("cpu", dtype=torch.bfloat16):
        functional(X).float().sum().backward()
        torch.nn.functional.conv2d(X, torch.ones(1, 3, 2, 2))
    assert [row.name for row in certificate.rows] == ["first", "last", "convolution 1"]
