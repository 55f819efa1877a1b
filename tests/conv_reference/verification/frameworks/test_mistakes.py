"""What an adapter raises and does not declare is raised, where plain code would be spared."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_as_framework import Itself

from conv_reference.verification import Framework, Verdict, verify
from conv_reference.verification.frameworks.convolving import function_of
from conv_reference.verification.frameworks.lifting import AdapterError
from conv_reference.verification.frameworks.mistakes import is_mistake, method_of

pytestmark = pytest.mark.usefixtures("without_circumstances")


class EvenGroups(Itself):
    """Its words, and that it computes nothing before, would make it a refusal of a function."""

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        if options["groups"] in {2, 4}:
            raise TypeError("groups are not supported")
        return super().conv(x, w, b, **options)


class DeclaresEvenGroups(EvenGroups):
    refusals = (*Itself.refusals, (TypeError, "not supported"))


def plain(X: Tensor, K: Tensor, stride: Any = 1, padding: Any = 0, groups: int = 1) -> Tensor:
    if groups in {2, 4}:
        raise TypeError("groups are not supported")
    return torch.nn.functional.conv2d(X, K, None, stride, padding, 1, groups)


def test_what_an_adapter_raises_on_purpose_is_no_refusal_but_as_it_declares() -> None:
    raised, declared, function = (
        verify(target, cases=30, checks=["certificate"], seed=0, known=None, dtypes=[torch.float64])
        for target in (EvenGroups(), DeclaresEvenGroups(), plain)
    )
    assert (raised.verdict, raised.refuses) == (Verdict.RAISED, ())
    assert {f.check for f in raised.findings} == {"forward"}
    assert "NotImplementedError or a pair in refusals says so" in raised.findings[0].explanation
    for lenient in (declared, function):
        assert lenient.findings == ()
        assert lenient.verdict == Verdict.EXACT
        assert any("groups are not supported" in each for each in lenient.refuses)


def not_implemented(X: Tensor, K: Tensor, stride: Any = 1, groups: int = 1) -> Tensor:
    if groups > 1:
        raise NotImplementedError("groups")
    return torch.nn.functional.conv2d(X, K, None, stride, groups=groups)


@pytest.mark.parametrize(
    ("target", "verdict"),
    [(DeclaresEvenGroups(), Verdict.UNSUPPORTED), (not_implemented, Verdict.RAISED)],
    ids=["adapter", "function"],
)
def test_who_is_strict_fails_a_targets_own_word_and_not_an_adapters(
    target: Any, verdict: Verdict
) -> None:
    case = "certificate float64 n1 c2 h4 w5 o2 k2 g2 grad=XK nobias"
    report = verify(target, case=case, seed=0, known=None, strict=True)
    assert report.verdict == verdict


class NoJvp(Itself):
    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return f.nowhere if primals[0].shape[0] == 1 else super().jvp(f, primals, tangents)


class NoVmap(Itself):
    def vmap(self, f: Any, in_dims: Any) -> Any:
        def mapped(*given: Any) -> Any:
            return f.nowhere if given[0].shape[-1] == 3 else torch.func.vmap(f, in_dims)(*given)

        return mapped


@pytest.mark.parametrize(("framework", "check"), [(NoJvp(), "jvp"), (NoVmap(), "vmap")])
def test_an_error_in_a_transform_is_raised_not_unsupported(
    framework: Framework, check: str
) -> None:
    report = verify(framework, case=f"{check} float64 n1 c1 h3 w3 o1 k1", seed=0, known=None)
    assert [(f.check, f.verdict) for f in report.findings] == [(check, Verdict.RAISED)]
    assert "AttributeError" in report.findings[0].explanation


class WrongVmap(Itself):
    def vmap(self, f: Any, in_dims: Any) -> Any:
        def mapped(*given: Any) -> Any:
            dims = (0,) * 9 if given[0].shape[-1] == 3 else in_dims
            return torch.func.vmap(f, dims)(*given)

        return mapped


def test_the_line_of_the_framework_that_threw_is_named_beside_the_adapters() -> None:
    report = verify(WrongVmap(), case="vmap float64 n1 c1 h3 w3 o1 k1", seed=0, known=None)
    assert re.search(
        r"raised ValueError: .* \(at test_mistakes\.py:\d+, in torch/_functorch/\w+\.py:\d+\)",
        report.findings[0].explanation,
    )


def test_an_error_of_the_adapters_own_has_no_line_of_a_framework() -> None:
    report = verify(NoVmap(), case="vmap float64 n1 c1 h3 w3 o1 k1", seed=0, known=None)
    assert re.search(r" \(at test_mistakes\.py:\d+\)", report.findings[0].explanation)


class MapsWhatDepends(Itself):
    """As who maps a graph of symbols: what is the same of each sample has no axis for it."""

    def vmap(self, f: Any, in_dims: Any) -> Any:
        def mapped(*given: Any) -> Any:
            found = torch.func.vmap(f, in_dims)(*given)
            return tuple(each[0] if (each == each[:1]).all() else each for each in found)

        return mapped


def test_an_answer_that_was_not_mapped_is_told_as_that() -> None:
    convolve, X = function_of(MapsWhatDepends()), torch.arange(18.0, dtype=torch.float64)
    K, b = torch.ones(1, 1, 3, 3, dtype=torch.float64), torch.ones(1, dtype=torch.float64)

    def db(X: Tensor) -> Any:
        answered: Any = torch.func.vjp(lambda b: convolve(X, K, b), b)
        return answered[1](torch.ones_like(answered[0]))[0]

    message = r"vmap must answer 2 samples .* also of one that does not .*; got shape \(1,\)$"
    with pytest.raises(AdapterError, match=message) as caught:
        torch.func.vmap(db)(X.reshape(2, 1, 1, 3, 3))
    assert is_mistake(caught.value)


def test_where_torch_itself_cannot_map_the_adapter_is_not_blamed() -> None:
    report = verify(Itself(), case="batched_gradients float64 n1 c1 h3 w3 o1 k1", seed=0)
    judged = {check.name: check.verdict for check in report.checks}
    assert judged["batched_gradients"] == Verdict.UNSUPPORTED


class Back(Itself):
    def back(self, array: Any) -> Any:
        return array.nowhere


def test_the_method_that_threw_is_named() -> None:
    framework, X = Back(), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    with pytest.raises(AttributeError) as caught:
        function_of(framework)(X, X)
    assert is_mistake(caught.value)
    assert method_of(caught.value, framework) == "back"
    assert method_of(caught.value, Back()) == ""


def test_what_no_adapter_threw_is_no_mistake_of_one() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("no number")
    assert not is_mistake(caught.value)
