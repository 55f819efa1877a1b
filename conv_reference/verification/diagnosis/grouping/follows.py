"""Whether one failure on a case follows from another on it: by what each says of the case."""

from __future__ import annotations

import re

from conv_reference.quantities import FIRST_ORDER, GRADIENTS, ROLE_OF
from conv_reference.verification.checks import Reported
from conv_reference.verification.diagnosis.kinds import row_of
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict

CHANGED = "arguments"  # the row of arguments that a call changes
_IN_PLACE = re.compile(r"in-?\s?place|written-to tensor|read-only", re.IGNORECASE)
_GRAPH = re.compile(r"not have been used in the graph|does not require grad")  # as torch does
_ESCAPED = "escaped from inside a function being vmapped"  # as torch does
_FREED = "backward through the graph a second time"  # the same
_SHAPE = "returned an invalid gradient"  # as torch writes it
_OUTPUT = "Mismatch in shape: grad_output"  # the same, of Y


def explains(origin: Judgement, judgement: Judgement) -> bool:
    """Whether a failure of the certificate is the cause of another on the same case."""
    first, row = row_of(origin), row_of(judgement)
    is_behind = first.is_first or (first.reported == Reported.GRAPH != row.reported)
    if judgement.verdict == Verdict.PERMISSIVE or not is_behind:  # what has no answer has no number
        return False
    if Verdict.CRASHED in {judgement.verdict, origin.verdict}:
        return origin.verdict == judgement.verdict
    if judgement.verdict == Verdict.RAISED:
        return _explains_raise(origin, judgement)
    if row.reported == Reported.APART:  # no argument is changed because a number was wrong
        return False
    if first.reported == Reported.GRAPH or _is_shape_of_y(origin):
        return True
    # A wrong number takes no gradient away, and no graph.
    is_lost = judgement.lacks_gradient or row.reported == Reported.GRAPH
    return not is_lost and origin.quantity in _rests_on(judgement)


def _is_shape_of_y(judgement: Judgement) -> bool:
    return row_of(judgement).reported == Reported.SHAPE and judgement.quantity == "Y"


def _explains_raise(origin: Judgement, judgement: Judgement) -> bool:
    thrown = judgement.thrown
    if origin.verdict == Verdict.RAISED:
        return (
            thrown is not None
            and origin.thrown is not None
            and origin.thrown.alike == (thrown.alike)
        )
    # A backward pass that is given the gradient of a Y with another shape may throw wherever it is.
    if _is_shape_of_y(origin) and judgement.quantity_name in GRADIENTS:
        return True
    # Nobody throws because a number was wrong; torch does because of a shape or a missing graph.
    at_home = thrown is not None and thrown.place
    return row_of(origin).reported in {Reported.SHAPE, Reported.GRAPH} and not at_home


def disturbs(origin: Judgement, judgement: Judgement) -> bool:
    """Whether an argument that the call changes is the cause of another failure on its case.

    The same change shows in other rows; a check that calls twice reads other numbers the second
    time; and torch, or the memory's layout, may not let it be written to.
    """
    if origin.check != CHANGED or judgement.check == CHANGED:
        return False
    if judgement.verdict == Verdict.RAISED:
        return writes_in_place(judgement)
    if judgement.quantity in ROLE_OF:
        return origin.quantity == judgement.quantity
    return judgement.verdict == Verdict.WRONG and judgement.of_numbers


def writes_in_place(judgement: Judgement) -> bool:
    """Whether it raised for it was not let write to a tensor, or to an array."""
    return judgement.thrown is not None and bool(_IN_PLACE.search(judgement.thrown.message))


def misses_a_graph(judgement: Judgement) -> bool:
    """Whether torch raised because it had to differentiate what rests on nothing."""
    thrown = judgement.thrown
    return thrown is not None and not thrown.place and bool(_GRAPH.search(thrown.message))


def misses_a_shape(judgement: Judgement) -> bool:
    """Whether torch raised for a gradient cannot be summed to the size of its argument."""
    thrown = judgement.thrown
    return thrown is not None and not thrown.place and _SHAPE in thrown.message


def meets_another_output(judgement: Judgement) -> bool:
    """Whether torch raised for Y has not the shape of its upstream gradient: it is a wrong Y."""
    thrown = judgement.thrown
    return thrown is not None and not thrown.place and _OUTPUT in thrown.message


def meets_a_level_gone(judgement: Judgement) -> bool:
    """Whether torch raised for a tensor that was kept from a transform which is over."""
    thrown = judgement.thrown
    return thrown is not None and _ESCAPED in thrown.message


def meets_a_graph_gone(judgement: Judgement) -> bool:
    """Whether torch raised for the graph behind an answer was freed with an earlier one."""
    thrown = judgement.thrown
    return thrown is not None and not thrown.place and _FREED in thrown.message


def _rests_on(judgement: Judgement) -> frozenset[str]:
    """The quantities of the first order in which a fault would show in it, too."""
    rests_on = row_of(judgement).rests_on
    if judgement.quantity_name in FIRST_ORDER:
        return frozenset({judgement.quantity_name, *rests_on})
    return frozenset(rests_on or FIRST_ORDER)


def is_made_of(origin: Judgement, judgement: Judgement) -> bool:
    """Whether a failure of a simpler mode is the cause of another on the same case.

    Where that has no gradient, torch raises for whoever goes on from it.
    """
    if judgement.verdict == Verdict.RAISED:
        return origin.lacks_gradient and misses_a_graph(judgement)
    return origin.verdict == judgement.verdict == Verdict.WRONG


def lacks_alike(origin: Judgement, judgement: Judgement) -> bool:
    """Whether both lack a gradient, which a wrong number of a simpler mode does not take away."""
    return origin.lacks_gradient and judgement.lacks_gradient
