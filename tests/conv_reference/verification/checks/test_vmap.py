# Functions of torch.autograd are untyped.
# mypy: disable-error-code="no-untyped-call, no-any-return, override"

from __future__ import annotations

from typing import Any

import pytest
import torch
from modes import Right, SharesGradients, WrongBatchingRule, ask, dtypes_of, verdicts, wrong
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference import functional, layer
from conv_reference.verification.checks.vmap import dims_of
from conv_reference.verification.detection.measured import first_found
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.faults import direct
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import Trial

CHECKS = ("vmap", "vmap_nested", "vmap_gradients")
RIGHT = [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, Right]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact(check: str, implementation: Any) -> None:
    for dtype in dtypes_of(implementation):
        assert verdicts(ask(implementation, check, dtype)) == {Verdict.EXACT}


def test_a_rule_that_takes_one_kernel_for_all_is_wrong() -> None:
    found = wrong(ask(WrongBatchingRule, "vmap"))
    assert found
    assert all("K (in_dims" in quantity for quantity in found)
    assert wrong(ask(WrongBatchingRule, "vmap_nested"))


class _Transposing(Right):
    """Exchanges the mapped dimension with the first, where it should move it there."""

    generate_vmap_rule = False

    @staticmethod
    def vmap(info: Any, in_dims: Any, X: Tensor, K: Tensor, *others: Any) -> Any:
        if in_dims[1] is not None:
            raise RuntimeError("mapped over K")
        X = X.transpose(0, in_dims[0])
        Y = _Transposing.apply(X.flatten(0, 1), K, *others)
        return Y.unflatten(0, X.shape[:2]), 0


def test_what_raises_in_one_question_hides_no_wrong_answer_to_another() -> None:
    target = as_target(_Transposing)
    case = Case.parse("vmap float64 n2 c2 h3 w4 o1 k2x2 nobias")
    for brief in (False, True):
        judgements = judge_case(target, case, Settings(2, "cpu", brief=brief))
        assert {each.verdict for each in judgements} >= {Verdict.UNSUPPORTED}
        if not brief:
            assert {each.verdict for each in judgements} >= {Verdict.WRONG, Verdict.EXACT}


class _WithoutRuleForX(Right):
    """As torch refuses whoever has neither a rule of vmap nor ``generate_vmap_rule``."""

    generate_vmap_rule = False

    @staticmethod
    def vmap(info: Any, in_dims: Any, X: Tensor, K: Tensor, *others: Any) -> Any:
        if in_dims[0] is not None:
            raise RuntimeError("does not have vmap support: generate_vmap_rule is False")
        Y = [_WithoutRuleForX.apply(X, each, *others) for each in K.movedim(in_dims[1], 0)]
        return torch.stack(Y), 0


def test_all_that_is_refused_of_a_case_is_told() -> None:
    target = as_target(_WithoutRuleForX)
    case = Case.parse("vmap float64 n2 c2 h3 w4 o1 k2x2 nobias")
    refused, *judged = reversed(judge_case(target, case, Settings(2, "cpu")))
    assert refused.verdict == Verdict.UNSUPPORTED
    assert [each.mapped_over for each in refused.over] == [("X",)] * 5 + [("X", "K")] * 2
    assert {each.verdict for each in judged} == {Verdict.EXACT}


def _groups_forgotten(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, groups: int = 1
) -> Tensor:
    return _Grouped.apply(input, weight, groups)


class _Grouped(Right):
    """Folds what is mapped over X into its channels, and uses the first kernels again."""

    generate_vmap_rule = False

    @staticmethod
    def forward(input: Tensor, weight: Tensor, groups: int) -> Tensor:
        return conv2d(input, weight, None, 1, 0, 1, groups)

    @staticmethod
    def vmap(info: Any, in_dims: Any, X: Tensor, K: Tensor, groups: int) -> Any:
        size = info.batch_size
        X = X.expand(size, *X.shape) if in_dims[0] is None else X.movedim(in_dims[0], 0)
        K = K.expand(size, *K.shape) if in_dims[1] is None else K.movedim(in_dims[1], 0)
        folded = X.movedim(0, 1).flatten(1, 2)
        kernels = K.transpose(0, 1).flatten(0, 1)  # interleaved: right for one output channel
        Y = conv2d(folded, kernels, None, 1, 0, 1, groups * size)
        return Y.unflatten(1, (size, -1)), 1


def test_a_rule_that_mixes_up_groups_shows_where_there_are_some() -> None:
    alone = ask(_groups_forgotten, "vmap", "float32", "n2 c1 h4 w4 o1 k2 nobias")
    assert not wrong(alone)
    assert wrong(ask(_groups_forgotten, "vmap", "float32", "n2 c2 h4 w4 o2 k2 g2 nobias"))


class _Reversed(_Grouped):
    """A loop over the samples; where both operands are mapped over, the kernels are in reverse."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, X: Tensor, K: Tensor, groups: int) -> Any:
        size, (first, second, *_) = info.batch_size, in_dims
        X = X.expand(size, *X.shape) if first is None else X.movedim(first, 0)
        K = K.expand(size, *K.shape) if second is None else K.movedim(second, 0)
        K = K if first is None else K.flip(0)
        return torch.stack([conv2d(X[i], K[i], None, 1, 0, 1, groups) for i in range(size)]), 0


def test_what_is_wrong_for_two_arguments_together_alone_says_so() -> None:
    def reversed_kernels(input: Tensor, weight: Tensor) -> Tensor:
        return _Reversed.apply(input, weight, 1)

    sizes = [f"n2 c2 h{h} w5 o2 k3x2" for h in range(3, 8)]  # each draws over how many is mapped
    answers = [j for geometry in sizes for j in ask(reversed_kernels, "vmap", geometry=geometry)]
    failed = [j for j in answers if j.verdict == Verdict.WRONG]

    assert failed
    for judgement in failed:
        assert judgement.explanation.endswith("; mapped over X or K alone it is right")


def test_gradients_of_another_sample_are_wrong() -> None:
    found = wrong(ask(SharesGradients, "vmap_gradients"))
    assert found == {f"dK mapped over {letters}" for letters in ("X", "G", "X, G", "X, K, G")}


def test_an_accumulator_that_cannot_be_mapped_is_unsupported() -> None:
    for check in CHECKS:
        found = verdicts(ask(layer.ConvLayer_1, check))
        assert Verdict.UNSUPPORTED in found
        assert found <= {Verdict.UNSUPPORTED, Verdict.EXACT}


def test_the_cases_of_one_run_meet_nearly_all_pairs_of_dimensions() -> None:
    request = Request(dtypes=tuple(DTYPES.values()), seed=0, budget=20.0, checks=("vmap",))
    cases = plan(as_target(conv2d), request).cases
    dims = [
        given
        for case in cases
        for given in dims_of(Trial(as_target(conv2d), case, 0, torch.device("cpu")), "XK")
    ]
    assert len({(given["X"], given["K"]) for given in dims}) > 20


@pytest.mark.parametrize("name", ["vmap_of_one", "vmap_of_many"])
def test_a_rule_that_is_wrong_for_one_or_for_many_is_found(name: str) -> None:
    target = as_target(FAULTS[name].function, name=FAULTS[name].target)
    request = Request(dtypes=(torch.float64,), seed=1, checks=("vmap",))

    assert first_found(target, plan(target, request).cases, seed=1) is not None


@pytest.mark.parametrize("implementation", [conv2d, torch.nn.Conv2d], ids=lambda i: i.__name__)
def test_many_upstream_gradients_at_once_are_a_loop(implementation: Any) -> None:
    judgements = ask(implementation, "batched_gradients")
    assert verdicts(judgements) == {Verdict.EXACT}
    assert len(judgements) == 3


def test_a_fault_that_only_many_upstream_gradients_meet_is_wrong() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
            ctx.save_for_backward(X, K)
            return conv2d(X, K)

        @staticmethod
        def backward(ctx: Any, G: Tensor) -> Any:
            X, K = ctx.saved_tensors
            if torch._C._functorch.is_legacy_batchedtensor(G):
                G = 2 * G
            return (
                torch.nn.grad.conv2d_input(X.shape, K, G),
                torch.nn.grad.conv2d_weight(X, K.shape, G),
            )

    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        apply: Any = Doubled.apply
        return apply(input, weight)

    assert wrong(ask(doubled, "batched_gradients")) == {"dX mapped over G", "dK mapped over G"}


def test_what_raises_with_many_upstream_gradients_is_not_judged() -> None:
    (judgement,) = ask(direct.conv2d, "batched_gradients")
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert "with is_grads_batched it raises RuntimeError" in judgement.explanation


def test_where_a_plain_call_raises_alike_many_upstream_gradients_are_not_spoken_of() -> None:
    def refusing(input: Tensor, weight: Tensor) -> Tensor:
        raise NotImplementedError("not today")

    (judgement,) = ask(refusing, "batched_gradients")
    assert judgement.explanation == "NotImplementedError: not today"
