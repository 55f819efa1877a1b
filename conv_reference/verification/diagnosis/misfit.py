"""What a target does not look like that raises alike, whatever is requested."""

from __future__ import annotations

from conv_reference.quantities import LETTERS
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.operators import arguments
from conv_reference.verification.target.option_names import PAIRED
from conv_reference.verification.target.target import Target


def misfit(target: Target, case: Case, judgement: Judgement, count: int) -> str:
    """One line: what it raises, its signature, how it was called, and what to try.

    Args:
        target: that raised, or its description.
        case: on which it did.
        judgement: of that case.
        count: of how many.
    """
    own = f"; its signature is {target.signature}" if target.signature else ""
    return (
        f"{target.name!r} does not look like {_article(target.operator.name)} "
        f"{target.operator.name}: the first {count} cases all {_raised(judgement)}{own}; "
        f"it was called {_called(target, case)}; {_to_try(target, judgement)}"
    )


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _raised(judgement: Judgement) -> str:
    """``raised ValueError: no (at my_conv.py:3)``, without what is a guess at a remedy."""
    thrown = judgement.thrown
    assert thrown is not None  # or it would not be called alike
    place = f" (at {thrown.place})" if thrown.place else ""
    return f"{thrown.told}{place}"


def _called(target: Target, case: Case) -> str:
    """``with X (1, 1, 2, 2), K (1, 1, 1, 2), stride (1, 1), ...``."""
    geometry = case.geometry
    shapes = {
        LETTERS[role]: target.own_shape(role, geometry) for role in ("input", "weight", "bias")
    }
    if not case.bias:
        del shapes[LETTERS["bias"]]
    options = arguments(target.operator, geometry, line=target.is_line)
    given = {name: value for name, value in options.items() if name in target.options}
    said = ", ".join(f"{name} {value}" for name, value in (shapes | given).items())
    found = f", as found by trial: {'; '.join(target.called_as)}" if target.called_as else ""
    return f"with {said}{found}"


def _to_try(target: Target, judgement: Judgement) -> str:
    place = target.name.rpartition(":")[0]
    trial = f"conv-reference try {place} says what in the file could be one"
    parts = (
        _integers(target, judgement),
        trial if place.endswith(".py") else "",
        "--operator names what it should compute where that is another one",
    )
    return "; ".join(filter(None, parts))


def _integers(target: Target, judgement: Judgement) -> str:
    """Where a pair is what it could not compute with, and no option is an integer yet."""
    thrown = judgement.thrown
    pairs = sorted(target.options & {*PAIRED})
    of_pairs = thrown is not None and thrown.kind == "TypeError" and "tuple" in thrown.message
    if not of_pairs or target.integers or not pairs:
        return ""
    return f'--as "integers={",".join(pairs)}" gives it integers in place of pairs'
