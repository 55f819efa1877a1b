"""A wrong sum of convolutions, taken apart: which of its terms is forgotten, or taken for another.

The product rule gives a tangent or a second derivative as a sum, `Y(V, K) + Y(X, W)`. In code each
term has a line of its own, and that line is what goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import looked_at

Terms = Mapping[str, Tensor]  # by name, float64 on the CPU
_FACTORS = (1, 0, -1, 2)  # the right one first


def explained_in_terms(
    judgement: Judgement, actual: Any, terms: Terms, others: Terms, *, where: str
) -> Judgement:
    """The judgement; one that is wrong says the formula, and what was computed in its place.

    Args:
        judgement: of the sum.
        actual: what the target answered.
        terms: that the sum has, each in the shape of the answer.
        others: what may be mistaken for one of them.
        where: what the letters in the names stand for.
    """
    if judgement.verdict != Verdict.WRONG:
        return judgement
    right = dict.fromkeys(terms, 1)
    found, cause = _found(actual, terms, others), ""
    if found == right:
        return judgement  # its dtype or its kind is what is wrong, and no term
    zero = "" if any(bool(term.any()) for term in terms.values()) else " = 0"
    lines = [f"should be {_written(right)}{zero}"]
    if found is not None:
        lines.append(f"is        {_written(found)}")
        cause = f"Perhaps {'; '.join(_causes(found, terms))}."
    return replace(judgement, beneath=(*lines, where), cause=cause)


def _found(actual: Any, terms: Terms, others: Terms) -> dict[str, int] | None:
    """The one combination of the terms, nearest to the right one, that the answer is."""
    if not isinstance(looked_at(actual), Tensor):
        return None
    value = actual.detach().to("cpu", torch.float64)
    fitting: list[tuple[int, dict[str, int]]] = []
    for factors in product(_FACTORS, repeat=len(terms)):
        for other in ("", *others):
            combined = dict(zip(terms, factors, strict=True)) | ({other: 1} if other else {})
            named = {**terms, **others}
            total = sum((f * named[n] for n, f in combined.items()), torch.zeros(()))
            if total.shape in {value.shape, ()} and bool((total == value).all()):
                fitting.append((_distance(combined, terms), combined))
    fitting.sort(key=lambda pair: pair[0])
    if not fitting or (len(fitting) > 1 and fitting[0][0] == fitting[1][0]):
        return None  # with two that are as near, neither is known
    nearest = fitting[0][1]
    if set(nearest) <= set(terms):
        return nearest
    # Something stands in place of a term, which may be zero here.
    return {n: f if n in others or bool(terms[n].any()) else 0 for n, f in nearest.items()}


def _distance(combined: Mapping[str, int], terms: Terms) -> int:
    return sum(factor != 1 for factor in combined.values()) + len(combined) - len(terms)


def _written(combined: Mapping[str, int]) -> str:
    words = []
    for name, factor in combined.items():
        if factor:
            sign = "- " if factor < 0 else "+ "
            words.append(sign + (f"{abs(factor)}·" if abs(factor) > 1 else "") + name)
    return " ".join(words).removeprefix("+ ") or "0"


def _causes(found: Mapping[str, int], terms: Terms) -> Iterator[str]:
    strange = [name for name in found if name not in terms]
    lost = [name for name in terms if found[name] == 0]
    for name in strange:
        yield f"{name} is computed in place of {lost[0]}" if lost else f"{name} is added"
    if not strange and len(lost) == len(terms) > 1:  # rather one fault than one in each line
        yield "no term is computed: the operands are taken for constants, as by a cut graph"
        return
    for name in lost[len(strange) :]:
        yield f"the term {name} is forgotten"
    for name in terms:
        if found[name] == -1:
            yield f"{name} has the wrong sign"
        elif found[name] > 1:
            yield f"{name} is counted {found[name]} times"
