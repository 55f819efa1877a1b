"""Where a target answers, learned from what it refuses on purpose.

Some fifty small cases, in which one thing at a time differs from a plain one, are put to it before
the plan is drawn. What it refuses of them, and what all it accepts has not, is outside of its
domain: it is reported once, and not tried any further.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import Role
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import CERTIFICATE, Case, Layout, dtype_name
from conv_reference.verification.model.domain import Domain
from conv_reference.verification.model.sizes import outgrows
from conv_reference.verification.plan.call_pace import UNKNOWN, CallPace
from conv_reference.verification.plan.possible import in_reach
from conv_reference.verification.running.learned_layouts import learned_layouts
from conv_reference.verification.running.learning import Answered, Asking, Refused
from conv_reference.verification.running.progress import Counted, Progress
from conv_reference.verification.target.target import Target
from conv_reference.verification.work.backend import Backend

# What a refusal may be about, and the domain that is left; the simplest first.
_LIMITS = (
    ("g > 1", "g == 1"),
    ("dh > 1 or dw > 1", "dh == dw == 1"),
    ("sh > 1 or sw > 1", "sh == sw == 1"),
    ("ph > 0 or pw > 0", "ph == pw == 0"),
    ("n > 1", "n == 1"),
    ("h != w", "h == w"),
    ("kh != kw", "kh == kw"),
    ("sh != sw", "sh == sw"),
    ("ph != pw", "ph == pw"),
    ("dh != dw", "dh == dw"),
    ("kh % 2 == 0 or kw % 2 == 0", "kh % 2 == 1 and kw % 2 == 1"),
    ("kh != 1 or kw != 1", "kh == kw == 1"),
    ("kh != 3 or kw != 3", "kh == kw == 3"),
    ("kh == 1 or kw == 1", "kh > 1 and kw > 1"),
    ("sh > kh or sw > kw", "sh <= kh and sw <= kw"),
    ("ph >= kh or pw >= kw", "ph < kh and pw < kw"),
    ("sh > 2 or sw > 2", "sh <= 2 and sw <= 2"),
    ("g == c and c > 1", "g < c or c == 1"),
    ("c % 2 == 1", "c % 2 == 0"),
    ("o % 2 == 1", "o % 2 == 0"),
    ("c % 4 > 0", "c % 4 == 0"),
    ("o % 4 > 0", "o % 4 == 0"),
    ("c != o", "c == o"),
    ("rh > 0 or rw > 0", "rh == 0 and rw == 0"),
)
_EVERYTHING = "each of some fifty small sizes"  # which shows nothing about a dtype
_PLAIN = "n2 c4 h8 w8 o8 k3"
_VARIED = (
    "n1 c4 h8 w8 o8 k3", "n2 c1 h8 w8 o8 k3", "n2 c3 h8 w8 o8 k3", "n2 c4 h8 w8 o4 k3",
    "n2 c4 h8 w8 o5 k3", "n2 c4 h8 w8 o6 k3", "n2 c2 h8 w8 o8 k3", "n2 c4 h8 w7 o8 k3",
    "n2 c4 h7 w8 o8 k3", "n2 c4 h7 w7 o8 k3", "n2 c4 h8 w8 o8 k1", "n2 c4 h8 w8 o8 k2",
    "n2 c4 h8 w8 o8 k4", "n2 c4 h8 w8 o8 k5", "n2 c4 h8 w8 o8 k3x1", "n2 c4 h8 w8 o8 k1x3",
    "n2 c4 h8 w8 o8 k2x3", "n2 c4 h8 w8 o8 k3x5", "n2 c4 h9 w9 o8 k3 s2", "n2 c4 h8 w8 o8 k3 s2",
    "n2 c4 h9 w9 o8 k3 s3", "n2 c4 h9 w9 o8 k3 s2x1", "n2 c4 h9 w9 o8 k1 s2",
    "n2 c4 h8 w8 o8 k3 p1", "n2 c4 h8 w8 o8 k3 p2", "n2 c4 h8 w8 o8 k3 p3",
    "n2 c4 h8 w8 o8 k3 p1x0",
    "n2 c4 h8 w8 o8 k1 p1", "n2 c4 h8 w8 o8 k3 d2", "n2 c4 h8 w8 o8 k3 d1x2",
    "n2 c4 h8 w8 o8 k3 g2",
    "n2 c4 h8 w8 o4 k3 g4", "n2 c4 h8 w8 o8 k3 g4", "n2 c4 h9 w9 o8 k3 s2 p1",
    "n1 c1 h3 w3 o1 k3", "n1 c1 h3 w3 o1 k1", "n2 c4 h8 w8 o8 k3 s2 p1 d2 g2",
)  # fmt: skip
# The same one by one around the smallest: what is refused for its size is refused for nothing else.
_SMALL = (
    "n2 c1 h3 w3 o1 k1", "n1 c2 h3 w3 o1 k1", "n1 c1 h3 w3 o2 k1", "n1 c2 h3 w3 o2 k1 g2",
    "n1 c1 h3 w2 o1 k1", "n1 c1 h3 w3 o1 k2", "n1 c1 h3 w3 o1 k1x2", "n1 c1 h3 w3 o1 k1 s2",
    "n1 c1 h3 w3 o1 k1 s2x1", "n1 c1 h3 w3 o1 k1 s3", "n1 c1 h3 w3 o1 k2 s2",
    "n1 c1 h3 w3 o1 k1 p1", "n1 c1 h3 w3 o1 k3 p1", "n1 c1 h3 w3 o1 k2 d2",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Where a target answers, and the messages with which it refused the rest."""

    where: str = ""
    refuses: tuple[str, ...] = ()  # "g > 1 (ValueError: groups are not supported)"
    layouts: frozenset[tuple[Role, Layout]] = frozenset()  # of operands, that it refuses
    refused_at: frozenset[str] = frozenset()  # where its backward pass refuses those of G
    by_torch: int = 0  # of the cases that were answered, those in which torch convolved
    answered: int = 0
    by_torch_where: tuple[str, ...] = ()  # what those have in common, and no others
    dtypes: tuple[torch.dtype, ...] = ()  # those that it refuses whatever the sizes
    unasked: tuple[str, ...] = ()  # "bfloat16 (numpy has no bfloat16)": what cannot be asked of it
    tried: int = 0  # small cases
    missed: int = 0  # of them that were not reached
    pace: CallPace = UNKNOWN


def learned(
    target: Target,
    dtypes: Sequence[torch.dtype],
    backend: Backend,
    settings: Settings,
    deadline: float | None = None,
    progress: Progress | None = None,
) -> Limits:
    """What the target refuses on purpose of a few small cases.

    What was not reached by the deadline counts as accepted: less is learned, and nothing that all
    cases together would not show.

    Args:
        target: whose cases are drawn inside of its domain, if it is given one.
        dtypes: of the run; in the first of them sizes are varied, in the others such are run as
            that answers: what is refused for its sizes shows nothing about a dtype.
        backend: where it runs.
        settings: of the run.
        deadline: of ``time.monotonic``, after which no further case is put; None for no limit.
        progress: what follows the run.
    """
    asking = Asking(target, backend, settings, deadline, progress or Counted())
    sizes = _cases(target, dtypes[0])
    asking.ask(sizes)
    came = asking.came
    if asking.all_crash:
        return Limits()
    own = _at_its_own_sizes(target, asking, sizes)
    given = [case for case in own or sizes if isinstance(came.get(case), Answered)]
    left = [case for case in sizes if not isinstance(came.get(case), Refused)]  # they raise
    taken = given[:1] or left[:1] or sizes
    asking.ask_in_reach(replace(case, dtype=dtype) for case in taken for dtype in dtypes[1:])
    # What one size is refused for may be the size: then all that are answered are run.
    refusing = {case.dtype for case in came if isinstance(came[case], Refused)}
    asking.ask_in_reach(
        replace(c, dtype=d) for d in dtypes[1:] if d in refusing for c in given or taken
    )
    answers: dict[Case, Refused | None] = {
        case: result if isinstance(result, Refused) else None
        for case, result in came.items()
        if result is None or isinstance(result, Refused | Answered)
    }
    # In the order of the sizes: of several refusals the first one is reported.
    open_ = {case.geometry for case in asking.missed}
    plain = {case: answers[case] for case in sizes if case in answers}
    whole = [
        dtype
        for dtype in dtypes
        if _refuses_all(answers, dtype) and not any(c.dtype == dtype for c in asking.missed)
    ]
    dtypes_refused, unasked = _dtypes_refused({d: _first(answers, d) for d in whole}, dtypes)
    if own:
        sizes_refused, where = _but_its_own(own, _first(answers, dtypes[0]))
    else:
        sizes_refused, where = ([], "") if dtypes[0] in whole else _sizes_refused(plain, open_)
    heard = {case: own.by_torch for case, own in came.items() if isinstance(own, Answered)}
    shared = _of_torch(heard, dtypes, open_)
    layouts = [*learned_layouts(asking, given[0])] if given else []
    refused = (*sizes_refused, *dtypes_refused, *(_reported(r.about, r.said) for r in layouts))
    return Limits(
        where,
        refused,
        frozenset((each.role, layout) for each in layouts for layout in each.layouts),
        frozenset(place for each in layouts for place in each.at),
        sum(heard.values()),
        len(heard),
        shared,
        tuple(whole),
        tuple(unasked),
        len(came),
        len(asking.missed),
        asking.pace,
    )


def _at_its_own_sizes(target: Target, asking: Asking, sizes: Iterable[Case]) -> list[Case]:
    """Cases of the sizes that it is made for, where it answers them and refuses all others.

    The first is of its own batch; a second follows where it answers another one, too.
    """
    own, first = target.own, next(iter(sizes), None)
    if own is None or first is None or outgrows(own) or not _refuses_all(asking.came, first.dtype):
        return []
    cases = [first.on(replace(own, batch=batch)) for batch in (own.batch, own.batch + 1)]
    asking.ask(cases)
    taken = [case for case in cases if isinstance(asking.came.get(case), Answered)]
    return taken if cases[0] in taken else []


def _but_its_own(own: Sequence[Case], refused: Refused) -> tuple[list[str], str]:
    """What is refused, as reported, and where one answers that is made for one size of images."""
    geometry = own[0].geometry
    (h, w), batch = geometry.input_size, f"n == {geometry.batch} and " if len(own) == 1 else ""
    where = f"{batch}h == {h} and w == {w}"
    return [_reported(f"{_EVERYTHING} but where {where}", refused.said)], where


def _sizes_refused(
    answers: Mapping[Case, Refused | None], missed: Iterable[Geometry]
) -> tuple[list[str], str]:
    """The sizes that are refused, as reported, and the domain that is left."""
    limits = [*_limits(answers, missed)]
    refused = [_reported(about, message) for about, _, message in limits]
    return refused, _together([left for _, left, _ in limits])


def _dtypes_refused(
    reasons: Mapping[torch.dtype, Refused], dtypes: Sequence[torch.dtype]
) -> tuple[list[str], list[str]]:
    """The dtypes that are refused whatever the sizes, as reported; and those not asked."""
    alike = {said: [d for d in reasons if reasons[d] == said] for said in reasons.values()}
    refused = [
        _reported(_EVERYTHING if len(those) == len(dtypes) else _names(those), reason.said)
        for reason, those in alike.items()
        if not reason.unasked
    ]
    return refused, [_reported(_names(those), r.said) for r, those in alike.items() if r.unasked]


def _of_torch(
    heard: Mapping[Case, bool], dtypes: Sequence[torch.dtype], missed: Iterable[Geometry]
) -> tuple[str, ...]:
    """What the cases that torch answered have in common, where it answered some and no others.

    Args:
        heard: of the cases that were answered, whether torch's convolution made all products.
        dtypes: of the run; in the first of them sizes are varied.
        missed: sizes of which it is not known.
    """
    own = [case for case, by_torch in heard.items() if not by_torch]
    theirs = [case for case, by_torch in heard.items() if by_torch]
    if not own or not theirs:
        return ()
    elsewhere = {case.geometry for case in own}
    alone = {case.dtype for case in theirs if case.geometry in elsewhere}
    alone -= {case.dtype for case in own}
    first = [case.geometry for case in theirs if case.dtype == dtypes[0]]
    others = [*missed, *(case.geometry for case in own if case.dtype == dtypes[0])]
    predicates = [text for pair in zip(*_LIMITS, strict=True) for text in pair]
    sizes = (about for about, _ in _shared(first, others, predicates))
    return (*sizes, *(dtype_name(dtype) for dtype in dtypes if dtype in alone))


def _names(dtypes: Iterable[torch.dtype]) -> str:
    return ", ".join(map(dtype_name, dtypes))


def _cases(target: Target, dtype: torch.dtype) -> list[Case]:
    cases = [
        Case(check=CERTIFICATE, geometry=geometry, dtype=dtype, requires_grad="")
        for geometry in map(Geometry.parse, (_PLAIN, *_VARIED, *_SMALL))
    ]
    return [*dict.fromkeys(in_reach(target, case) for case in cases)]


def _refuses_all(answers: Mapping[Case, Any], dtype: torch.dtype) -> bool:
    said = [isinstance(own, Refused) for case, own in answers.items() if case.dtype == dtype]
    return bool(said) and all(said)


def _first(answers: Mapping[Case, Refused | None], dtype: torch.dtype) -> Refused:
    return next(r for case, r in answers.items() if case.dtype == dtype and r is not None)


def _limits(
    answers: Mapping[Case, Refused | None], missed: Iterable[Geometry]
) -> Iterator[tuple[str, str, str]]:
    """What refusals are about, the domain that is left, and their messages."""
    accepted = [*missed, *(case.geometry for case, said in answers.items() if said is None)]
    refused = {case.geometry: said.said for case, said in answers.items() if said is not None}
    left = dict(_LIMITS)
    for about, met in _shared([*refused], accepted, [*left]):
        yield about, left[about], refused[met]


def _shared(
    those: Sequence[Geometry], others: Sequence[Geometry], predicates: Sequence[str]
) -> Iterator[tuple[str, Geometry]]:
    """What sizes have in common that no others have: predicates, each with the first that it meets.

    That which most of them have comes first, then of the rest, until none is left that has any.
    """
    possible = [text for text in predicates if not any(g in Domain(text) for g in others)]
    while those and others:
        counts = [sum(g in Domain(text) for g in those) for text in possible]
        if not any(counts):
            return
        text = possible[counts.index(max(counts))]
        yield text, next(g for g in those if g in Domain(text))
        those = [g for g in those if g not in Domain(text)]


def _together(parts: Sequence[str]) -> str:
    return " and ".join(f"({part})" if " or " in part else part for part in parts)


def _reported(about: str, message: str) -> str:
    return f"{about} ({message})"
