"""Where a failure begins and ends around the smallest case: each size moved up and down alone.

What failing cases have in common needs many of them, and blurs the edge. Here the target itself is
run on both sides of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from conv_reference.geometry import Role
from conv_reference.quantities import LETTERS
from conv_reference.verification.checks import all_checks, certifying
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.failing_cases.neighbours import Neighbours, neighbours_of
from conv_reference.verification.diagnosis.failing_cases.size_limits import limits, lowered
from conv_reference.verification.diagnosis.kinds import Condition, row_of
from conv_reference.verification.model.case import Case, Layout, Values
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.trial.layouts import lay_out

_MOST = 6  # conditions that are named: with more, nothing stands out
_SMALL, _DRAWS = (Values.ONES, Values.COUNTING, Values.SPARSE), 4
_USUAL = (Layout.CHANNELS_LAST, Layout.SLICED)  # of a contiguous operand, tried first


def around(shown: Failure, bench: Bench, is_own: Condition) -> str:
    """One sentence: between which sizes the target fails, and just outside of them passes.

    Args:
        shown: the failure on its smallest case.
        bench: what runs cases again.
        is_own: whether a failure of the same kind is a fault of its own.

    Returns:
        Empty where each size may be moved and it still fails, where a single case proves
        nothing (what was thrown, a crash, an answer that changes), or no time is left.
    """
    if shown.judgement.verdict != Verdict.WRONG or bench.is_over:
        return ""
    start = _on_certificate(shown, bench, is_own)
    asked = neighbours_of(start, bench, is_own)
    if asked is None:
        return ""
    # Of a check with sizes of its own; else what is said would be of another case than is shown.
    has_own = all_checks()[shown.case.check].has_own
    found = lowered(start.case, asked) if has_own else start.case
    needed, limited = limits(found, asked)
    if limited and _needs_large_numbers(found, asked):
        limited = []
    around_them = [*_layouts(found, asked), *_bias(found, asked)]
    said = [*needed, *limited, *around_them]
    if len(said) > _MOST:  # a small case meets upper limits by chance
        said = [*needed, *around_them]
    if not said or len(said) > _MOST or bench.is_over:  # then something was not answered
        return ""
    return (
        f"Around the smallest case alone, one size moved at a time{_beside(said)}, it fails where "
        f"{_listed(said)}, and passes just outside: other cases may have other limits."
    )


def _beside(said: Iterable[str]) -> str:
    """What moves with a kernel, a stride or a dilation: who moves it alone moves the output."""
    if any(re.search(r"\b[ksd][hw]\b", text) for text in said):
        return " (the input's with it, so that the output's stays)"
    return ""


def _needs_large_numbers(case: Case, asked: Neighbours) -> bool:
    """Whether it passes on small ones, as what is rounded does.

    The longer the sums, the smaller are the numbers that are drawn: that a larger size passes is
    then no limit of the target's.
    """
    small = {replace(case, values=values) for values in _SMALL}
    return not any(
        asked.answers(small, further).get(each) for further in range(_DRAWS) for each in small
    )


def with_all_gradients(shown: Failure, bench: Bench) -> str:
    """Whether a gradient that is missing is there once all are requested; empty where it is not."""
    case = replace(shown.case, requires_grad=shown.case.arguments)
    if not shown.judgement.lacks_gradient or case == shown.case:
        return ""
    judged = bench.judged_once([case]).get(case, ())
    if not judged or any(judgement.verdict in FOUND for judgement in judged):
        return ""
    return (
        "Where every gradient is asked for, all are there: which are computed depends on which are "
        "asked for, as by ctx.needs_input_grad."
    )


def _on_certificate(shown: Failure, bench: Bench, is_own: Condition) -> Failure:
    """The same failure on the certificate, where its check has sizes of its own; else itself."""
    if not all_checks()[shown.case.check].has_own or row_of(shown.judgement).is_first:
        return shown
    case = bench.recast(shown.case, certifying().name)
    for failure in bench.failures_on([case]).get(case, ()):
        judgement = failure.judgement
        alike = (judgement.quantity, judgement.verdict) == (shown.judgement.quantity, Verdict.WRONG)
        if alike and is_own(failure):
            return failure
    return shown


def _layouts(case: Case, asked: Neighbours) -> Iterator[str]:
    """In which layouts of an operand it fails, where in some it does not."""
    operator = asked.bench.target.operator
    for role, own in case.layouts.items():
        # What is expanded repeats its numbers: there a fault may not show.
        others = [each for each in Layout if each not in {own, Layout.EXPANDED}]
        known = _in_layouts(case, role, _USUAL if own == Layout.CONTIGUOUS else others, asked)
        if not all(known.values()):
            further = [each for each in others if each not in known]
            known |= _in_layouts(case, role, further, asked)
            yield f"{LETTERS[role]} {_described(own, known, operator.shape(role, case.geometry))}"


def _in_layouts(
    case: Case, role: Role, layouts: Iterable[Layout], asked: Neighbours
) -> dict[Layout, bool]:
    cases = {layout: case.laid_out({role: layout}) for layout in layouts}
    fails = asked.fails(cases.values())
    return {layout: fails[each] for layout, each in cases.items() if each in fails}


def _described(own: Layout, known: Mapping[Layout, bool], shape: tuple[int, ...]) -> str:
    """The layouts in words: by what they have in common at this shape, where others have it not."""
    failing = {own, *(layout for layout, failed in known.items() if failed)}
    passing = {layout for layout, failed in known.items() if not failed}
    words = {layout: _words(layout, shape) for layout in failing | passing}
    common = set.intersection(*(words[layout] for layout in failing))
    alone = common.difference(*(words[layout] for layout in passing))
    if alone and len(failing) > 1:
        return min(alone)
    few, verb = (passing, "is not") if len(passing) < len(failing) else (failing, "is")
    return f"{verb} {' or '.join(layout for layout in Layout if layout in few)}"


def _words(layout: Layout, shape: tuple[int, ...]) -> set[str]:
    """What holds of a tensor of this shape in the layout."""
    if layout == Layout.EXPANDED:
        return {"is expanded"}
    tensor = lay_out(torch.zeros(shape), layout)
    contiguous, offset = tensor.is_contiguous(), tensor.storage_offset() > 0
    last = tensor.stride(1) < tensor.stride(3) and min(shape[1], max(shape[2:])) > 1
    return {
        "is contiguous" if contiguous else "is not contiguous",
        "has a storage offset" if offset else "has no storage offset",
        *(["is in the order of channels_last"] if last else []),
    }


def _bias(case: Case, asked: Neighbours) -> Iterator[str]:
    """Whether it takes a bias, or that there is none; of its gradient it goes without saying."""
    if "b" in case.requires_grad:
        return
    other = replace(case, bias=not case.bias)
    if asked.fails([other]).get(other) is False:
        yield "there is a bias" if case.bias else "there is no bias"


def _listed(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
