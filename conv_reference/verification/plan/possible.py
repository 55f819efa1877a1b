"""What a target supports: of each proposed case the nearest one that is possible.

Whoever plans, repeats or takes a case apart calls this: nothing above the target, a trial and its
checks restricts a case by itself, or falls back to sparse values (a test reads the sources).
"""

from __future__ import annotations

from dataclasses import replace

from conv_reference.geometry import Geometry
from conv_reference.verification.checks import all_checks
from conv_reference.verification.model.case import EXACT_VALUES, Case, Layout, Values, dtype_name
from conv_reference.verification.plan.selection import no_check
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.values import case_operands, is_exact


def in_reach(target: Target, case: Case) -> Case:
    """The nearest case that the target supports, with the values that it has.

    Where a word alone gives opposite sides different paddings, both have the larger of the two.
    """
    case = target.restrict(case)
    if not _needs_a_word(target, case.geometry):
        return case
    top_bottom, left_right = case.geometry.padding
    even = (max(top_bottom),) * 2, (max(left_right),) * 2
    return target.restrict(case.on(replace(case.geometry, padding=even)))


def is_possible(target: Target, case: Case) -> bool:
    """Whether the target supports exactly this case."""
    return target.restrict(case) == case


def is_telling(target: Target, case: Case, seed: int) -> bool:
    """Whether it is supported, by its check, and with values by which a failure proves a fault.

    Args:
        target: what it is put to.
        case: with any values.
        seed: from which they are drawn.
    """
    if not (is_possible(target, case) and _is_of_check(target, case)):
        return False
    if _needs_a_word(target, case.geometry):  # which a case does not hold
        return False
    if case.values in {Values.ONES, Values.COUNTING}:
        return is_exact(case, case_operands(case, seed, target.operator), target.operator)
    is_dense = case.values not in {Values.REAL, Values.SPARSE}
    return not is_dense or target.can_be_exact(case.geometry, case.dtype)


def is_outside(target: Target, geometry: Geometry) -> bool:
    """Whether the geometry can only be moved to the one that stands for the target's domain."""
    return target.restrict_geometry(geometry) == target.domain.anchor


def as_possible(target: Target, case: Case) -> Case:
    """The nearest case that the target supports, with values that are exact there.

    Where sums are too long for dense integers the values are sparse; an operand that repeats
    itself would not be sparse, so none does. A kernel has no batch that it could be made by; nor
    is what ``torch.nn.grad`` takes for one a row by a step: of that its second order alone raises
    (docs/found/0059), which no defect of the first order tells.

    Args:
        target: what it is put to.
        case: with any geometry, option and values.
    """
    case = target.restrict(case)
    if case.weight_layout == Layout.IMAGE:
        case = case.laid_out({"weight": Layout.CHANNELS_LAST})
    if target.operator.is_sized and case.grad_output_layout == Layout.CHANNELS_LAST_ROWS:
        case = case.laid_out({"grad_output": Layout.CHANNELS_LAST})
    if case.values not in EXACT_VALUES or target.can_be_exact(case.geometry, case.dtype):
        return case
    return replace(case.without(Layout.EXPANDED), values=Values.SPARSE)


def dense(target: Target, case: Case) -> Case | None:
    """The nearest case that the target supports; None where it sums too much to be exact.

    Args:
        target: what it is put to.
        case: with dense values.
    """
    case = target.restrict(case)
    return case if target.can_be_exact(case.geometry, case.dtype) else None


def require_possible(target: Target, case: Case) -> Case:
    """The case, where the target supports it.

    Raises:
        ValueError: when there is no such check, or neither the target nor the check supports
            it; names which, and the nearest case that they can.
    """
    known = all_checks()
    if case.check not in known:
        raise ValueError(no_check(case.check, known))
    check = known[case.check]
    if not check.applies(case.dtype):
        given = dtype_name(case.dtype)
        raise ValueError(f"{case.check!r} applies to {check.limits}, got {given}")
    reason = check.unsupported(target)
    if reason is not None:
        raise ValueError(f"{target.name} cannot be put to {case.check!r}: {reason}")
    if not _is_of_check(target, case):
        raise ValueError(f"{case.check!r} has sizes of its own, got {case.geometry}")
    possible = target.restrict(case)
    if possible != case:
        raise ValueError(
            f"{target.name} cannot be asked for {case}; the nearest that it can is {possible}"
        )
    return case


def require_possible_geometry(target: Target, geometry: Geometry) -> Geometry:
    """The geometry, where the target supports it.

    Raises:
        ValueError: when it cannot; names the nearest that it can.
    """
    possible = target.restrict_geometry(geometry)
    if possible != geometry:
        raise ValueError(
            f"{target.name} cannot be asked for {geometry}; the nearest that it can is {possible}"
        )
    return geometry


def _needs_a_word(target: Target, geometry: Geometry) -> bool:
    """Whether it pads opposite sides differently, and only ``padding="same"`` means that."""
    uneven = any(before != after for before, after in geometry.padding)
    pads_so = target.sides or "padding" in target.fixed or target.same_padding or target.pads
    return uneven and not pads_so


def _is_of_check(target: Target, case: Case) -> bool:
    """Whether the geometry is one of the check's own, where it has such."""
    check = all_checks()[case.check]
    return not check.has_own or check.row_of(target, case.geometry) is not None
