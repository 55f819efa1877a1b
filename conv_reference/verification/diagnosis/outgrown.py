"""What raises on small sizes alone, and is wrong on larger ones: one fault, met in two ways.

Where stride or dilation is taken for another, a small image is refused, as nothing of it would be
left, and a larger one has an answer of another shape. Which of the two a case shows depends on its
sizes. So the smallest case that raises is asked once more with a larger image: what fails there as
another finding does is filed under that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conv_reference.geometry import Geometry
from conv_reference.verification.checks import certifying
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import Kind, kind_of
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Finding, Verdict

Found = tuple[Failure, Finding]
_MOST_ASKED = 6  # faults that raise


def filed_under_what_is_wrong(found: Sequence[Found], bench: Bench) -> list[Found]:
    """The findings; those of a fault that raises only for want of size are filed under another.

    Args:
        found: the failure on the smallest case, and the finding, in their order.
        bench: with no time left, nothing is asked.
    """
    wrong: dict[Kind, int] = {}
    raising: dict[int, Failure] = {}
    for failure, finding in found:
        if finding.verdict == Verdict.WRONG and not finding.known:
            wrong.setdefault(kind_of(failure).in_any_dtype, finding.fault)
        elif finding.verdict == Verdict.RAISED and not finding.known:
            raising.setdefault(finding.fault, failure)
    if not wrong:
        return [*found]
    asked = [*raising.items()][:_MOST_ASKED]
    under = {fault: _wrong_on_more(failure, wrong, bench) for fault, failure in asked}
    return [(failure, _filed(finding, under.get(finding.fault))) for failure, finding in found]


def _filed(finding: Finding, fault: int | None) -> Finding:
    return (
        finding if fault in {None, finding.fault} else replace(finding, fault=fault, follows=True)
    )


def _wrong_on_more(failure: Failure, wrong: dict[Kind, int], bench: Bench) -> int | None:
    """The fault that shows on larger images in place of the raise; None where it is no one."""
    geometry = failure.case.geometry
    plain = _plain(geometry)
    if geometry.batch == 0 or geometry == plain:
        return None  # nothing but its size can be why it raises
    larger, larger_plain = (
        [_certificate(failure.case, each, bench) for each in _enlarged(one, geometry)]
        for one in (geometry, plain)
    )
    answers = bench.failures_on([*larger, *larger_plain])
    shown = {_shown(answers.get(case, ()), wrong) for case in larger}
    if any(_shown(answers.get(case, ()), wrong) in shown for case in larger_plain):
        return None  # it is wrong there for another reason: sizes, say
    return shown.pop() if len(shown) == 1 else None


def _shown(failures: Sequence[Failure], wrong: dict[Kind, int]) -> int | None:
    """The first fault of these that a case shows; None where it raises, or shows none."""
    if any(failure.judgement.verdict == Verdict.RAISED for failure in failures):
        return None
    faults = (wrong.get(kind_of(failure).in_any_dtype) for failure in failures)
    return next((fault for fault in faults if fault is not None), None)


def _plain(geometry: Geometry) -> Geometry:
    """An image of the same size under a kernel of 1×1, with no option."""
    return Geometry(
        batch=geometry.batch,
        in_channels=geometry.in_channels,
        input_size=geometry.input_size,
        out_channels=geometry.out_channels,
        kernel_size=(1, 1),
    )


def _enlarged(geometry: Geometry, like: Geometry) -> list[Geometry]:
    """The geometry with larger images, by whole strides, in which the other's kernel fits."""
    least = max(like.dilation) * max(like.kernel_size) + 2 * max(like.stride)
    more = [-(-least // stride) * stride for stride in like.stride]
    (height, width), (rows, columns) = geometry.input_size, more
    sizes = (height + rows, width + 2 * columns), (height + 2 * rows, width + columns)
    return [replace(geometry, input_size=size) for size in sizes]


def _certificate(case: Case, geometry: Geometry, bench: Bench) -> Case:
    plain = replace(case.contiguous().on(geometry), values=Values.BALANCED)
    return bench.recast(plain, certifying().name)
