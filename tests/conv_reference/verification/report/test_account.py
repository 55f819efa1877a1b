"""The numbers of a report add up: those of what was not judged, and what became of each case."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import faulty
import pytest
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import conv2d, unfold

from conv_reference.verification import Report, verify

_CASES = re.compile(r"([\d,]+) (?:of [\d,]+ )?cases?\b")
_ACCOUNT = re.compile(
    r"Of ([\d,]+) cases put to it ([\d,]+|none) ha(?:ve|s) a verdict"
    r"(?:(?:,| and) ([\d,]+) (?:is|are) unsupported[^;]*?)?"
    r"(?: and ([\d,]+) left (?:its check|their checks) nothing to compare)?"
    r"(?:; of those with a verdict ([\d,]+) parts? (?:is|are) unsupported)?\."
)


class _Ones(Function):
    """Right, and differentiable once: no transform of torch's goes through it."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        raise NotImplementedError("no backward pass")


def without_a_backward_pass(input: Tensor, weight: Tensor) -> Any:
    return _Ones.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's is untyped


def without_an_empty_batch(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
    """As an unfold and a view: an empty batch raises, in modes as well."""
    columns = unfold(input, weight.shape[2:], padding=padding)
    columns.view(len(input), -1, columns.shape[1] * columns.shape[2])
    return conv2d(input, weight, None, 1, padding)


def refusing_some(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Refuses by what it meets, in part of the cases of a row."""
    if input.shape[3] % 5 == 4:
        raise NotImplementedError("no such width")
    return conv2d(input, weight, bias, stride, padding, dilation, groups)


@pytest.mark.parametrize(
    "target",
    [
        without_a_backward_pass,
        pytest.param(without_an_empty_batch, marks=pytest.mark.slow),
        refusing_some,
        faulty.not_implemented,
        pytest.param(faulty.wrong_groups, marks=pytest.mark.slow),
    ],
)
def test_what_is_unsupported_adds_up(target: Callable[..., Any]) -> None:
    report = verify(target, quick=True, seed=1, dtypes=["float32", "bfloat16"])
    listed, (judged, answered, refused, silent, parts) = _numbers(report)

    assert (judged, silent) == (report.judged, report.silent)
    assert answered + refused + silent == judged
    assert sum(listed) == refused + parts
    assert sum(listed) == sum(check.unsupported for check in report.checks)
    assert sum(listed) > 0


def _numbers(report: Report) -> tuple[list[int], list[int]]:
    """Those that stand under "unsupported", and those of the account."""
    text = str(report)
    _, _, below = text.partition("\nunsupported, so neither right nor wrong:\n")
    said = " ".join(below.partition("\n\n")[0].split())
    found = _ACCOUNT.search(" ".join(text.split()))
    assert found is not None, text
    return [_int(each) for each in _CASES.findall(said)], [_int(each) for each in found.groups()]


def _int(digits: str | None) -> int:
    return 0 if digits in {None, "none"} else int(digits.replace(",", ""))


def test_what_raises_is_counted_where_it_raises_alone() -> None:
    """A case of a mode that is refused outright is none under which it raises."""

    def picky(input: Tensor, weight: Tensor) -> Tensor:
        if input.shape[3] % 2:
            raise NotImplementedError("an even width")
        if not input.is_contiguous():
            raise ValueError("not contiguous")
        return conv2d(input, weight)

    report = verify(picky, checks="vmap", cases=8000, dtypes=["float64", "float32"], seed=1)
    found = [check for check in report.checks if check.name == "vmap"]
    raised, refused = (sum(getattr(c, n) for c in found) for n in ("raising", "unsupported"))
    assert 0 < raised < refused, (raised, refused)
    put = refused + sum(check.cases for check in found)
    assert f"raises under vmap ({raised} of {put} cases): not judged there" in str(report)
    said = " ".join(str(report).split())
    assert f"{refused} are unsupported ({raised} raise, as reported above)" in said
    assert f", with {refused} more unsupported" in said.partition(" never varied")[0]
    assert report.raising == raised
