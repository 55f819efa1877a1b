from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_as_framework import Itself

from conv_reference.verification import Framework, Verdict, verify
from conv_reference.verification.frameworks.convolving import function_of
from conv_reference.verification.frameworks.lifting import AdapterError

MODES = (
    *("grad_input", "grad_weight", "grad_bias", "double_backward", "jvp"),
    *("forward_over_reverse", "reverse_over_forward", "vmap", "vmap_nested", "vmap_gradients"),
    *("jacrev", "jacfwd", "hessian_vector", "hessian_vector_forward"),
)


def test_every_mode_of_torchs_reaches_the_frameworks_own() -> None:
    report = verify(Itself(), cases=60, checks=MODES, seed=0, known=None)

    assert report.findings == ()
    assert {c.name: c.verdict for c in report.checks if c.name in MODES} == dict.fromkeys(
        MODES, Verdict.EXACT
    )
    assert report.environment["framework"] == f"torch.func {torch.__version__}"


class DoubledTangent(Itself):
    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return tuple(2 * t for t in super().jvp(f, primals, tangents))


class OneSliceForAll(Itself):
    def vmap(self, f: Any, in_dims: Any) -> Any:
        def mapped(*given: Any) -> Any:
            found = super(OneSliceForAll, self).vmap(f, in_dims)(*given)
            return tuple(y[:1].expand(y.shape).clone() for y in found)

        return mapped


@pytest.mark.usefixtures("without_circumstances")
@pytest.mark.parametrize(
    ("framework", "check"),
    [(DoubledTangent(), "jvp"), (OneSliceForAll(), "vmap")],
    ids=["jvp", "vmap"],
)
def test_a_fault_in_one_transform_shows_in_its_check(framework: Framework, check: str) -> None:
    report = verify(framework, cases=10, checks=[check], seed=0, known=None)
    judged = {c.name: c.verdict for c in report.checks}

    assert judged[check] == Verdict.WRONG


def test_only_the_gradients_that_are_asked_for_are_computed() -> None:
    asked: list[int] = []

    class Counting(Itself):
        def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
            asked.append(len(primals))
            return super().vjp(f, primals, cotangents)

    function = function_of(Counting())
    X = torch.ones(1, 2, 3, 4, dtype=torch.float64)
    K = torch.ones(3, 2, 1, 1, dtype=torch.float64, requires_grad=True)
    function(X, K).sum().backward()
    function(X.requires_grad_(), K).sum().backward()

    assert asked == [1, 2]


def test_each_function_that_an_adapter_is_handed_has_a_name() -> None:
    names: list[str] = []

    class Naming(Itself):
        def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
            names.append(f.__name__)
            return super().vjp(f, primals, cotangents)

        def jit(self, f: Any) -> Any:
            names.append(f.__name__)
            return f

    function = function_of(Naming())
    X = torch.ones(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    function(X, torch.ones(1, 1, 1, 1, dtype=torch.float64)).sum().backward()

    assert names == ["conv", "pullback", "conv"]


def test_padding_may_differ_between_opposite_sides() -> None:
    function = function_of(Itself())
    X, K = torch.ones(1, 1, 2, 2, dtype=torch.float64), torch.ones(1, 1, 1, 1, dtype=torch.float64)

    assert function(X, K, padding=((1, 0), (0, 3))).shape == (1, 1, 3, 5)


class Tuple3(Itself):
    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        return (*super().vjp(f, primals, cotangents), cotangents[0])


class Refusing(Itself):
    refusals = ((ValueError, "not today"),)

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        raise ValueError("certainly not today")


class RefusesToCompile(Itself):
    refusals = ((ValueError, "not today"),)

    def jit(self, f: Any) -> Any:
        raise ValueError("certainly not today")


class Panic(BaseException):
    """As what pyo3 makes of a panic of Rust's."""


class Panics(Itself):
    refusals = ((Panic, "not today"),)

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        raise Panic("certainly not today")


@pytest.mark.parametrize("framework", [Refusing, RefusesToCompile, Panics])
def test_a_declared_refusal_is_no_error(framework: type[Framework]) -> None:
    X = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    with pytest.raises(NotImplementedError, match="certainly not today"):
        function_of(framework())(X, X)


class RefusesToMap(Itself):
    refusals = ((ValueError, "not today"),)

    def vmap(self, f: Any, in_dims: Any) -> Any:
        raise ValueError("certainly not today")


def test_a_refusal_to_map_is_no_error() -> None:
    function, X = function_of(RefusesToMap()), torch.ones(2, 1, 1, 1, 1, dtype=torch.float64)
    with pytest.raises(NotImplementedError, match="certainly not today"):
        torch.func.vmap(function)(X, X)


class NoTangent(Itself):
    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return ()


class LostTangent(Itself):
    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return (None,)


class BareTangent(Itself):
    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return super().jvp(f, primals, tangents)[0]


# What torch's first forward mode in a process imports uses torch.jit.script, which it deprecates.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("framework", "said"),
    [
        (NoTangent, "one tangent for each answer: 1 asked for, got 0"),
        (LostTangent, "arrays, zeros where nothing depends; got None"),
        (BareTangent, "a tuple of one tangent for each answer, got Tensor"),
    ],
    ids=["none", "None", "a tensor"],
)
def test_tangents_that_are_no_tuple_of_one_each_are_told(
    framework: type[Framework], said: str
) -> None:
    function, X = function_of(framework()), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    with pytest.raises(AdapterError, match=f"jvp must answer {said}"):
        torch.func.jvp(function, (X, X), (X, X))


def test_a_gradient_too_many_is_told() -> None:
    X = torch.ones(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    Y = function_of(Tuple3())(X, torch.ones(1, 1, 1, 1, dtype=torch.float64))
    with pytest.raises(AdapterError, match="one gradient for each primal: 1 asked for, got 2"):
        Y.sum().backward()


def test_a_sign_beside_the_memory_is_handed_over_as_numbers() -> None:
    met: list[bool] = []

    class Watching(Itself):
        def to(self, tensor: torch.Tensor) -> Any:
            met.append(tensor.is_neg())
            return super().to(tensor)

    negative = torch._neg_view(torch.ones(1, 1, 2, 2, dtype=torch.float64))
    Y = function_of(Watching())(negative, negative.clone())

    assert (Y.item(), met) == (4.0, [False, False])
