"""Nothing that the judge does reaches the step: neither its errors nor its settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.functional import conv2d

from conv_reference.verification.step import apart, judging_calls, replay
from conv_reference.verification.step.again import Again
from conv_reference.verification.step.apart import sparing
from conv_reference.verification.step.certificate import Certificate
from conv_reference.verification.step.certify import certify
from conv_reference.verification.step.dispatched import NotJudged

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
K = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1))


class Unspeakable(Exception):  # noqa: N818 (what a stranger raises has any name)
    """Cannot be written down."""

    def __str__(self) -> str:
        raise RuntimeError("not even that")


def step(layer: nn.Module) -> list[Tensor]:
    layer.zero_grad()
    Y = layer(X)
    Y.square().sum().backward()
    gradients = [p.grad for p in layer.parameters() if p.grad is not None]
    return [Y.detach(), *gradients]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("a\nb"), "RuntimeError: a b"),
        (MemoryError(), "MemoryError:"),
        (Unspeakable(), "Unspeakable: (it cannot be written down)"),
        (ValueError("long " * 1_000), "ValueError: " + ("long " * 1_000)[:300].rstrip()),
    ],
    ids=["lines", "memory", "unspeakable", "long"],
)
@pytest.mark.parametrize("room", [judging_calls, replay], ids=["in place", "over integers"])
def test_an_error_of_the_judge_is_listed_and_does_not_reach_the_step(
    monkeypatch: pytest.MonkeyPatch, room: Any, error: Exception, said: str
) -> None:
    def failing(*_: Any) -> Iterator[Any]:
        raise error

    layer = nn.Conv2d(3, 4, 3)
    undisturbed = step(layer)
    monkeypatch.setattr(room, "equations", failing)
    with certify(layer) as certificate:
        judged = step(layer)

    for one, other in zip(undisturbed, judged, strict=True):
        assert torch.equal(one, other)
    where = " over integers" if room is replay else ""
    assert certificate.not_judged == {
        f"convolution{where}: certify itself failed with {said}": 1,
        f"convolution_backward{where}: certify itself failed with {said}": 1,
    }


def test_what_neither_answer_was_judged_of_is_not_counted_as_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(judging_calls, "draw_weights", failing)
    layer = nn.Conv2d(3, 4, 3)
    with certify(layer, replayed=False) as certificate:
        step(layer)
    assert certificate.headline == (
        "nothing was judged: 1 convolution, 0 of 2 calls judged in 0 steps, in float32; "
        "met and not judged: 2 things"
    )
    with certify(layer) as other:
        step(layer)
    assert "2 of 2 calls judged in 1 step" in other.headline  # over integers


def test_what_is_wrong_stays_so_where_its_cause_cannot_be_looked_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: Any) -> str:
        raise RuntimeError("of the cause")

    def wrong(certificate: Certificate) -> list[str]:
        return [line for line in str(certificate).splitlines() if "WRONG" in line]

    monkeypatch.setattr(Again, "cause", failing)
    layer = nn.Conv2d(3, 4, 3, bias=False)
    operator = torch.ops.aten.convolution.default
    with certify(layer) as certificate, torch.no_grad():
        judge = judging_calls.Judge(sample=1, replayed=False, allowed_bits=None, seed=0, model=None)
        answered = layer(X)
        answered[1, 2, 3, 4] += 1
        args = (X, layer.weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
        judge.takes("convolution", operator, args, answered)
    assert not wrong(certificate)
    (line,) = wrong(judge.certificate)
    assert "Y[1,2,3,4] should be" in line
    assert "in place wrong in 1 of 1 calls, in step 1" in str(judge.certificate)
    assert "certify itself failed with RuntimeError: of the cause" in str(judge.certificate)


def test_who_interrupts_the_judge_interrupts_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(judging_calls, "equations", interrupted)
    with pytest.raises(KeyboardInterrupt), certify():
        conv2d(X, K)
    assert not apart.is_judging()


def test_what_the_step_raises_comes_through_as_it_is() -> None:
    own = Unspeakable()
    certificate = Certificate()

    def raising() -> None:
        nonlocal certificate
        with certify() as certificate:
            conv2d(X, K)
            raise own

    with pytest.raises(Unspeakable) as raised:
        raising()
    assert raised.value is own
    assert certificate.passed
    with pytest.raises(RuntimeError, match="expected input"), certify() as other:
        conv2d(X[:, :2], K)
    assert not other.not_judged


def test_reasons_are_counted() -> None:
    seen: Counter[str] = Counter()
    for _ in range(2):
        with sparing(seen, "a call"):
            raise NotJudged("three dimensions")
    assert seen == {"a call: three dimensions": 2}


@contextmanager
def precision(**values: str) -> Iterator[dict[str, Any]]:
    """With torch's precisions of products set, each for one library."""
    backends: Any = torch.backends
    of = {"all": backends, "cuda": backends.cuda.matmul, "mkldnn": backends.mkldnn.matmul}
    before = {name: library.fp32_precision for name, library in of.items()}
    for name, value in values.items():
        of[name].fp32_precision = value
    try:
        yield of
    finally:
        for name in ("cuda", "mkldnn", "all"):
            of[name].fp32_precision = before[name]


@pytest.mark.parametrize(
    "values",
    [{"all": "tf32"}, {"all": "tf32", "mkldnn": "bf16"}, {"cuda": "tf32"}, {}],
    ids=["of all", "of one besides", "of one", "of none"],
)
def test_precisions_of_products_are_full_within_and_afterwards_as_they_were(
    values: dict[str, str],
) -> None:
    with precision(**values) as libraries:
        before = {name: library.fp32_precision for name, library in libraries.items()}
        with apart.undisturbed(torch.device("cpu")):
            for name in ("cuda", "mkldnn"):
                assert libraries[name].fp32_precision in {"none", "ieee"}
        with certify() as certificate:
            conv2d(X, K)
        assert {name: one.fp32_precision for name, one in libraries.items()} == before
        assert certificate.rows[0].seen("Y").judged == 1
        assert not any("certify itself" in reason for reason in certificate.not_judged)


def test_a_precision_that_follows_that_of_all_still_follows_it_afterwards() -> None:
    with precision(all="tf32") as libraries:
        with apart.undisturbed(torch.device("cpu")):
            assert libraries["mkldnn"].fp32_precision == "ieee"
        libraries["all"].fp32_precision = "ieee"
        assert libraries["mkldnn"].fp32_precision == "ieee"


def test_the_older_setting_is_put_back_too() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        with apart.undisturbed(torch.device("cpu")):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_what_is_recorded_has_nothing_of_the_judge_in_it() -> None:
    def convolve(image: Tensor) -> Tensor:
        return conv2d(image, K)

    alone = make_fx(convolve)(X)
    with certify() as certificate:
        judged = make_fx(convolve)(X)
    assert [node.name for node in judged.graph.nodes] == [node.name for node in alone.graph.nodes]
    assert certificate.not_judged == {"convolution: while torch records a graph": 1}
