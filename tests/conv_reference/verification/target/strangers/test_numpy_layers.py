from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conv_reference.verification import verify
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.options import DTYPES
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.strangers.numpy_functions import Order
from conv_reference.verification.target.strangers.numpy_layers import is_numpy_layer
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.tiny import tiny_judgements

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Parameter:
    """An array with its gradient, as small frameworks hold it."""

    def __init__(self, data: Any) -> None:
        self.data, self.grad = data, np.zeros_like(data)
        self.held: Any = None


class Held:
    """Its arrays are in other objects, a list of them, too; the state of numpy is its own."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.kernel = Parameter(np.random.randn(*shape))
        self.bias = Parameter(np.zeros((out_channels, 1)))
        self.parameters = [self.kernel, self.bias]

    def forward(self, x: Any) -> Any:
        k = self.kernel.data.shape[2]
        self.windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))
        Y = np.einsum("nchwij,ocij->nohw", self.windows, self.kernel.data)
        return Y + self.bias.data.reshape(-1, 1, 1)

    def backward(self, grad: Any) -> Any:
        self.kernel.grad += np.einsum("nohw,nchwij->ocij", grad, self.windows)
        self.bias.grad += grad.sum((0, 2, 3))[:, None]
        k = self.kernel.data.shape[2]
        padded = np.pad(grad, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        full = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (2, 3))
        return np.einsum("nohwij,ocij->nchw", full, self.kernel.data[:, :, ::-1, ::-1])


class Forgotten(Held):
    def backward(self, grad: Any) -> Any:
        returned = super().backward(grad)
        self.bias.grad = np.zeros_like(self.bias.grad)
        return returned


class Strange:
    def __init__(self, in_channels: int, kernel_size: int, colour: str) -> None:
        self.colour = colour

    def forward(self, x: Any) -> Any:
        return x

    def backward(self, grad: Any) -> Any:
        return grad


def test_arrays_are_found_in_what_the_layer_is_made_of() -> None:
    before = repr(np.random.get_state())
    target = as_target(Held)
    assert target.over_arrays
    assert target.always_biased
    judgements = tiny_judgements(target)
    assert [j.quantity for j in judgements] == ["Y", "dX", "dK", "db"]
    assert all(judgement.is_exact for judgement in judgements)
    assert repr(np.random.get_state()) == before


def test_a_gradient_that_is_not_filled_in_is_wrong() -> None:
    wrong = [j for j in tiny_judgements(as_target(Forgotten)) if j.verdict == Verdict.WRONG]
    assert [j.quantity for j in wrong] == ["db"]


class Nowhere(Held):
    """Its backward pass leaves no gradient of the kernel anywhere."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size)
        del self.kernel.grad
        self.kernel.held = None

    def backward(self, grad: Any) -> Any:
        self.kernel.grad = np.zeros(self.kernel.data.shape)
        returned = super().backward(grad)
        del self.kernel.grad
        return returned


@pytest.mark.slow
def test_a_gradient_that_is_nowhere_is_told_and_not_left_out() -> None:
    report = verify(
        as_target(Nowhere), checks="certificate", dtypes="float64", cases=20, seed=0, known=None
    )
    assert not report
    assert {f.quantity for f in report.findings} == {"dK"}


def test_a_constructor_that_takes_what_is_no_size_is_refused() -> None:
    with pytest.raises(TargetError):
        as_target(Strange)


def test_gradients_are_told_by_their_shapes_else_by_their_order() -> None:
    X, K, b = np.ones((1, 2)), np.ones((3, 4)), np.ones(5)
    shapes = [X.shape, K.shape, b.shape]
    assert Order().sorted((K, K, b), shapes)[0] is K
    assert Order().sorted(X, shapes)[0] is X
    learned = Order()
    assert [g.shape for g in learned.sorted((K, b, X), shapes)] == shapes
    # Where all are of one shape, too; and no other takes the place of a wrong one.
    assert [*map(int, learned.sorted((K[0, 0], b[0], 2 * X[0, 0]), [(), (), ()]))] == [2, 1, 1]
    samples = [np.ones((3, 4)), np.ones((3, 4))]  # dX as a list, an array for each sample
    assert Order().sorted((samples, K, b), [(2, 3, 4), K.shape, b.shape])[0] is samples
    empty = np.ones((1, 0))
    assert Order().sorted((empty, b, X), [X.shape, X.shape, b.shape])[0] is empty


def windows_forward(x: Any, w: Any, b: Any) -> Any:
    """A function over arrays, and beside it the one for its gradients."""
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(w.dtype), w.shape[2:], (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, w) + b[:, None, None], (windows, w)


def windows_backward(dout: Any, cache: Any) -> Any:
    windows, w = cache
    rows, columns = (k - 1 for k in w.shape[2:])
    padded = np.pad(dout, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    full = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], (2, 3))
    dx = np.einsum("nohwij,ocij->nchw", full, w[:, :, ::-1, ::-1])
    return dx, np.einsum("nohw,nchwij->ocij", dout, windows), dout.sum((0, 2, 3))


def cross(x: Any, w: Any, b: Any) -> Any:
    return windows_forward(x, w, b)[0]


def cross_naive(x: Any, w: Any, b: Any) -> Any:
    return cross(x, w, b)


def cross_backward(dy: Any, x: Any, w: Any) -> Any:
    return windows_backward(dy, windows_forward(x, w, np.zeros(len(w)))[1])


def test_functions_of_one_stem_share_their_backward_pass() -> None:
    for function in (cross, cross_naive):
        target = as_target(function)
        assert "cross_backward for the gradients" in target.called_as
        assert [j.verdict for j in tiny_judgements(target)] == [Verdict.EXACT] * 4


def test_the_function_that_gives_the_gradients_is_named() -> None:
    assert "windows_backward for the gradients" in as_target(windows_forward).called_as


class ByPosition:
    """A video's: its bias has a number for each position, and its images have one size."""

    def __init__(self, input_shape: tuple[int, ...], kernel_size: int, depth: int) -> None:
        channels, height, width = input_shape
        self.kernels = np.random.randn(depth, channels, kernel_size, kernel_size)
        self.biases = np.random.randn(depth, height - kernel_size + 1, width - kernel_size + 1)

    def forward(self, input: Any) -> Any:
        size = self.kernels.shape[2:]
        self.windows = np.lib.stride_tricks.sliding_window_view(input, size, (1, 2))
        return np.einsum("chwij,ocij->ohw", self.windows, self.kernels) + self.biases

    def backward(self, output_gradient: Any, learning_rate: float) -> Any:
        k = self.kernels.shape[2] - 1
        padded = np.pad(output_gradient, ((0, 0), (k, k), (k, k)))
        full = np.lib.stride_tricks.sliding_window_view(padded, (k + 1, k + 1), (1, 2))
        returned = np.einsum("ohwij,ocij->chw", full, self.kernels[:, :, ::-1, ::-1])
        gradient = np.einsum("ohw,chwij->ocij", output_gradient, self.windows)
        self.kernels -= learning_rate * gradient
        self.biases -= learning_rate * self.shared(output_gradient)
        return returned

    def shared(self, gradient: Any) -> Any:
        return gradient


class SharedByHalf(ByPosition):
    """Half of the bias's gradient is taken."""

    def shared(self, gradient: Any) -> Any:
        return gradient / 2


def test_a_bias_for_each_position_is_judged_by_its_sum() -> None:
    target: Target = as_target(ByPosition)
    assert target.always_biased
    assert target.called_as[-1].startswith("b as (o, h', w'), one number for each position")
    assert [(j.quantity, j.verdict) for j in tiny_judgements(target)] == [
        (quantity, Verdict.EXACT) for quantity in ("Y", "dX", "dK", "db")
    ]
    wrong = [j.quantity for j in tiny_judgements(as_target(SharedByHalf)) if j.verdict == "wrong"]
    assert wrong == ["db"]


class Nested(Held):
    """Its backward pass returns the gradients of its parameters in a list of their own."""

    def backward(self, grad: Any) -> Any:
        dX = super().backward(grad)
        return dX, [parameter.grad for parameter in self.parameters]


def test_gradients_in_a_list_of_their_own_are_found() -> None:
    judged = tiny_judgements(as_target(Nested))
    assert [j.verdict for j in judged] == [Verdict.EXACT] * 4, judged


class Doubled(Held):
    """What it computes is float64, whatever it is given."""

    def forward(self, x: Any) -> Any:
        return super().forward(x.astype(np.float64))


def test_only_dtypes_that_are_computed_in_are_asked_for() -> None:
    report = verify(Doubled, checks=["certificate", "homogeneity"], cases=40, seed=0, known=None)
    assert report, str(report)
    assert {check.dtype for check in report.checks} == {"float64"}
    assert report.refused == 0
    others = ", ".join(name for name in DTYPES if name != "float64")
    assert report.refuses == ()  # it was not asked: what lies between knows that
    said = f"not asked: {others} (it computes in float64 whatever it is given)"
    assert said in map(str, report.notes)


class Passes:
    """Two static functions, of which the second takes what the first kept, and doubles dK."""

    @staticmethod
    def forward(x: Any, w: Any, b: Any) -> Any:
        return windows_forward(x, w, b)

    @staticmethod
    def backward(dout: Any, cache: Any) -> Any:
        dx, dw, db = windows_backward(dout, cache)
        return dx, 2 * dw, db


def test_static_passes_of_one_class_belong_together() -> None:
    message = "forward needs no object of it; accepted is that function, .*Passes.forward"
    with pytest.raises(TargetError, match=message):
        as_target(Passes)
    target = as_target(Passes.forward)
    exact, wrong = Verdict.EXACT, Verdict.WRONG
    assert [j.verdict for j in tiny_judgements(target)] == [exact, exact, wrong, exact]


class Called:
    """It is called itself, and no object's making is taken for that."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        self.W = np.zeros((out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.zeros(out_channels)

    def __call__(self, x: Any) -> Any:
        y, self.cache = windows_forward(x, self.W, self.b)
        return y

    def back_propagate(self, dout: Any) -> Any:
        dx, self.dW, self.db = windows_backward(dout, self.cache)
        return dx


def test_a_layer_may_be_called_itself() -> None:
    assert [j.verdict for j in tiny_judgements(as_target(Called))] == [Verdict.EXACT] * 4
    assert not is_numpy_layer(type("Other", (), {"backward": Called.back_propagate}))
