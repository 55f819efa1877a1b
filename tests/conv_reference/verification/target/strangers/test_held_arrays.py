from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from judging import judged

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.strangers.held_arrays import is_idle, places
from conv_reference.verification.trial.tiny import tiny_judgements

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Parameter:
    def __init__(self, data: Any) -> None:
        self.data, self.grad = data, None


class InDictionary:
    """Its parameters are objects in a dictionary; it keeps its flattened kernel of each call."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        kernel = np.random.randn(out_channels, in_channels, kernel_size, kernel_size)
        self.make(Parameter(kernel), Parameter(np.zeros(out_channels)))

    def make(self, kernel: Parameter, bias: Parameter) -> None:
        self.parameters = {"w": kernel, "b": bias}

    def made(self) -> tuple[Parameter, Parameter]:
        return self.parameters["w"], self.parameters["b"]

    def forward(self, x: Any) -> Any:
        kernel, bias = self.made()
        o, _, k, _ = kernel.data.shape
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))
        n, c, h, w, *_ = windows.shape
        self.w = kernel.data.reshape(o, -1).T
        self.columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h * w, c * k * k)
        return (self.columns @ self.w + bias.data).transpose(0, 2, 1).reshape(n, o, h, w)

    def backward(self, grad: Any) -> Any:
        kernel, bias = self.made()
        flat = grad.reshape(*grad.shape[:2], -1)
        kernel.grad = np.einsum("nop,npk->ok", flat, self.columns).reshape(kernel.data.shape)
        bias.grad = grad.sum((0, 2, 3))
        k = kernel.data.shape[2]
        padded = np.pad(grad, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        full = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (2, 3))
        return np.einsum("nohwij,ocij->nchw", full, kernel.data[:, :, ::-1, ::-1])


class Hidden(InDictionary):
    """Its parameters are where nobody looks; what is found is its flattened kernel."""

    def make(self, kernel: Parameter, bias: Parameter) -> None:
        self.hidden = ((kernel, bias),)

    def made(self) -> tuple[Parameter, Parameter]:
        return self.hidden[0]


class WithMoment(InDictionary):
    """Before its kernel it holds another array of the same shape."""

    def make(self, kernel: Parameter, bias: Parameter) -> None:
        self.moment = np.zeros_like(kernel.data)
        super().make(kernel, bias)


class MadeLate(InDictionary):
    """Its kernel is made by its first call, which wants an image."""

    def make(self, kernel: Parameter, bias: Parameter) -> None:
        self.made_late = kernel, bias

    def forward(self, x: Any) -> Any:
        if not hasattr(self, "parameters"):
            assert len(x), "no image"
            self.parameters = dict(zip("wb", self.made_late, strict=True))
        return super().forward(x)


@pytest.mark.parametrize("layer", [InDictionary, WithMoment])
def test_a_kernel_is_the_array_on_which_y_depends(layer: type) -> None:
    target = as_target(layer)
    assert not any("K as" in said for said in target.called_as)
    judgements = tiny_judgements(target)
    assert [j.quantity for j in judgements] == ["Y", "dX", "dK", "db"]
    assert all(judgement.is_exact for judgement in judgements)


def test_an_array_on_which_y_does_not_depend_is_no_kernel() -> None:
    with pytest.raises(TargetError, match="accepted is a layer that has a kernel of shape"):
        as_target(Hidden)


def test_of_who_makes_its_kernel_at_its_first_call_what_that_throws_is_told() -> None:
    case = "certificate float64 n0 c1 h2 w2 o1 k1x1"
    (raised,) = judged(MadeLate, case)
    assert raised.verdict == Verdict.UNSUPPORTED
    assert raised.explanation.startswith("raised AssertionError: no image")


def test_parameters_are_found_in_dictionaries_and_lists() -> None:
    held = {"w": Parameter(np.ones(2)), "other": "word"}
    assert [p.name for p in places(type("Layer", (), {})())] == []
    layer = InDictionary(1, 1, 1)
    layer.parameters = held  # type: ignore[assignment]  # a dictionary, as courses have it
    assert [p.name for p in places(layer)] == ["parameters.w.data"]
    layer.parameters = [*held.values()]  # type: ignore[assignment]  # a list, as courses have it
    assert [p.name for p in places(layer)] == ["parameters.0.data"]


@pytest.mark.parametrize(
    ("said", "forward", "expected"),
    [
        ("reads it", lambda kept, X: kept["now"] * X, False),
        ("reads it at its first call alone", lambda kept, X: kept["first"] * X, False),
        ("reads another", lambda kept, X: 3 * X, True),
        ("adds what is no product of it", lambda kept, X: kept["now"] * X + X, False),
        ("divides by its norm", lambda kept, X: X * kept["now"] / abs(kept["now"]), False),
    ],
)
def test_what_is_idle(said: str, forward: Any, expected: bool) -> None:
    kept: dict[str, Any] = {}

    def put(array: Any) -> None:
        kept["now"] = array
        kept.setdefault("first", array)

    with np.errstate(all="ignore"):
        found = is_idle(put, np.full(1, 2.0), np.full(1, 5.0), lambda X: forward(kept, X))
    assert found is expected, said
