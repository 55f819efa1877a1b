"""What raises on small images, and fails otherwise on larger ones: one fault, met in two ways.

Where stride or dilation is taken for another, a small image is refused, as nothing of it would be
left, and a larger one has an answer of another shape. Which of the two a case shows depends on its
size. So the image of the smallest case that raises is enlarged, step by step, until it no longer
does, and where it always does, its strides: what fails there as another finding does is filed under
that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conv_reference.geometry import Geometry, Pair
from conv_reference.verification.checks import certifying
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.follows import meets_a_level_gone
from conv_reference.verification.diagnosis.kinds import Kind, kind_of
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Finding, Verdict

Found = tuple[Failure, Finding]
_MOST_ASKED = 6  # faults that raise
_STEPS = 12  # by which an image is enlarged, each by one stride
_STRIDES = 3  # by which both strides are, where that is of no avail


def filed_under_what_larger_images_show(found: Sequence[Found], bench: Bench) -> list[Found]:
    """The findings; those of a fault that raises only for want of size are filed under another.

    Args:
        found: the failure on the smallest case, and the finding, in their order.
        bench: with no time left, nothing is run.
    """
    told: dict[Kind, int] = {}
    raising: dict[int, Failure] = {}
    for failure, finding in found:
        if finding.known:
            continue
        told.setdefault(kind_of(failure).in_any_dtype, finding.fault)
        of_sizes = finding.verdict == Verdict.RAISED and not meets_a_level_gone(failure.judgement)
        if of_sizes and not finding.follows:
            raising.setdefault(finding.fault, failure)
    if len({*told.values()}) < 2:
        return [*found]
    asked = [*raising.items()][:_MOST_ASKED]
    under = {fault: _shown_beyond(failure, told, bench) for fault, failure in asked}
    return [(failure, _filed(finding, under.get(finding.fault))) for failure, finding in found]


def _filed(finding: Finding, fault: int | None) -> Finding:
    return finding if fault is None else replace(finding, fault=fault)


def _shown_beyond(failure: Failure, told: dict[Kind, int], bench: Bench) -> int | None:
    """The fault that shows on the first larger image that does not raise so; None without one."""
    own, geometry = kind_of(failure).in_any_dtype, failure.case.geometry
    if geometry.batch == 0:
        return None
    steps = range(_STEPS + 1)
    larger = [_certificate(failure.case, enlarged(geometry, step), bench) for step in steps]
    answers = bench.failures_on(larger)
    for step, case in zip(steps, larger, strict=True):
        kinds = _kinds(answers.get(case, ()))
        if own not in kinds:
            if step == 0:  # it is not the certificate that raises: its answers say nothing of it
                return None
            fault = _first(kinds, told)
            plain = enlarged(_plain(geometry), step, geometry.stride)
            return None if _shows_plainly(failure, plain, fault, told, bench) else fault
    return _shown_by_strides(failure, told, bench) if answers else None


def _shown_by_strides(failure: Failure, told: dict[Kind, int], bench: Bench) -> int | None:
    """The fault that shows where larger strides round off what it raises for; None without one."""
    own, geometry = kind_of(failure).in_any_dtype, failure.case.geometry
    rows, columns = geometry.stride
    for more in range(1, _STRIDES + 1):
        strided = replace(geometry, stride=(rows + more, columns + more))
        case = _certificate(failure.case, strided, bench)
        kinds = _kinds(bench.failures_on([case]).get(case, ()))
        if kinds and own not in kinds and case.geometry.stride == strided.stride:
            fault, plain = _first(kinds, told), replace(_plain(geometry), stride=strided.stride)
            return None if _shows_plainly(failure, plain, fault, told, bench) else fault
    return None


def _shows_plainly(
    failure: Failure, plain: Geometry, fault: int | None, told: dict[Kind, int], bench: Bench
) -> bool:
    """Whether the fault shows on an image without the options: it is not why this raises."""
    if fault is None or failure.case.geometry == _plain(failure.case.geometry):
        return False
    case = _certificate(failure.case, plain, bench)
    return _first(_kinds(bench.failures_on([case]).get(case, ())), told) == fault


def _kinds(failures: Sequence[Failure]) -> list[Kind]:
    return [kind_of(failure).in_any_dtype for failure in failures]


def _first(kinds: Sequence[Kind], told: dict[Kind, int]) -> int | None:
    return next((told[kind] for kind in kinds if kind in told), None)


def _plain(geometry: Geometry) -> Geometry:
    """An image of the same size under a kernel of 1×1, with no option."""
    return Geometry(
        batch=geometry.batch,
        in_channels=geometry.in_channels,
        input_size=geometry.input_size,
        out_channels=geometry.out_channels,
        kernel_size=(1, 1),
    )


def enlarged(geometry: Geometry, step: int, stride: Pair | None = None) -> Geometry:
    """The geometry with a larger image: by whole strides, its own or these, so its rest stays."""
    (height, width), (rows, columns) = geometry.input_size, stride or geometry.stride
    return replace(geometry, input_size=(height + step * rows, width + step * columns))


def _certificate(case: Case, geometry: Geometry, bench: Bench) -> Case:
    plain = replace(case.contiguous().on(geometry), values=Values.BALANCED)
    return bench.recast(plain, certifying().name)
