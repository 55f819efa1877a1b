"""Where a target answers, learned from what it refuses on purpose.

Some fifty small cases, in which one thing at a time differs from a plain one, are put to it before
the plan is drawn. What it refuses of them, and what all it accepts has not, is outside of its
domain: it is reported once, and not tried any further.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.diagnosis.kinds import products
from conv_reference.verification.execution import Settings, guarded
from conv_reference.verification.model.case import CERTIFICATE, Case, dtype_name
from conv_reference.verification.model.domain import Domain
from conv_reference.verification.model.errors import NotAsked
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.plan.possible import as_possible, in_reach
from conv_reference.verification.running.progress import Counted, Progress
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.listening import Listening
from conv_reference.verification.trial.refused import is_refusal
from conv_reference.verification.trial.trial import TargetRaised, target_code
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
LEARNING = "learning what it refuses"
_CRASHES = 3  # of the first cases, after which no further one is put
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
class Refused:
    """The message with which a target refused a case."""

    said: str  # "ValueError: groups are not supported"
    unasked: bool = False  # whether it was not the target, but what lies between, that said so


@dataclass(frozen=True)
class Answered:
    """That a target answered a case."""

    by_torch: bool  # whether torch's own convolutions made all of its products


@dataclass(frozen=True)
class Limits:
    """Where a target answers, and the messages with which it refused the rest."""

    where: str = ""
    refuses: tuple[str, ...] = ()  # "g > 1 (ValueError: groups are not supported)"
    by_torch: int = 0  # of the cases that were answered, those in which torch convolved
    answered: int = 0
    dtypes: tuple[torch.dtype, ...] = ()  # those that it refuses whatever the sizes
    unasked: tuple[str, ...] = ()  # "bfloat16 (numpy has no bfloat16)": what cannot be asked of it
    tried: int = 0  # small cases
    missed: int = 0  # of them that were not reached


class _Listener(Listening):
    """Notes how many products torch's convolutions make; None where there are none."""

    products: int | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Y = func(*args, **(kwargs or {}))
        if "convolution" in func.__name__ or func.__name__.startswith("conv2d"):
            X, K = args[:2]
            outputs = max(X.numel(), Y.numel() if isinstance(Y, Tensor) else 0)
            self.products = (self.products or 0) + outputs * (K.numel() // max(1, len(K)))
        return Y

    def made_all(self, geometry: Geometry) -> bool:
        """Whether they were those of the case: one of indices, or of a window, has fewer."""
        rows, columns = geometry.output_size
        taps = geometry.weight_shape[1:]
        needed = geometry.batch * geometry.out_channels * rows * columns * prod(taps)
        return self.products is not None and self.products >= needed


def asked_whether(target: Target, case: Case, settings: Settings) -> Refused | Answered | None:
    """What the target refuses the case with, or that it answers; None where it does neither.

    Args:
        target: which is called, forward alone.
        case: that is put.
        settings: of the run.
    """
    trial = settings.trial(target, case)
    listener = _Listener()  # type: ignore[no-untyped-call]  # torch's constructor is untyped
    with guarded():
        try:
            call = trial.call()
            with listener, target_code("Y"):
                call.forward()
        except TargetRaised as raised:
            if is_refusal(trial, raised) or _is_of_glue(target, raised.error):
                said = message_of(raised.error).strip().partition("\n")[0]
                if issubclass(type(raised.error), NotAsked):
                    return Refused(said, unasked=True)
                return Refused(": ".join(filter(None, (type_name(raised.error), said))))
            return None
    return Answered(listener.made_all(case.geometry))


@dataclass
class _Asking:
    """Small cases put to a target, as long as there is time: the lightest first."""

    target: Target
    backend: Backend
    settings: Settings
    deadline: float | None
    progress: Progress
    came: dict[Case, Any] = field(default_factory=dict)
    missed: set[Case] = field(default_factory=set)  # that were not reached

    def ask(self, cases: Iterable[Case]) -> None:
        """Put them; where the first few all end their process, no further one is."""
        listed = sorted(dict.fromkeys(cases), key=products)
        self.missed |= {*listed} - {*self.came}
        answers = self.backend.run(asked_whether, listed, self.settings, deadline=self.deadline)
        with closing(answers):
            for number, answer in answers:
                self.came[listed[number]] = answer
                self.missed.discard(listed[number])
                done, planned = len(self.came), len(self.came) + len(self.missed)
                self.progress.at(f"{LEARNING}, {done} of {planned} small cases")
                if done == _CRASHES and self.all_crash:
                    return

    def ask_in_reach(self, cases: Iterable[Case]) -> None:
        """The same of the nearest cases that are possible."""
        self.ask([as_possible(self.target, in_reach(self.target, case)) for case in cases])

    @property
    def all_crash(self) -> bool:
        """Whether all ended their process: of that nothing is refused."""
        return bool(self.came) and all(isinstance(a, Crash) for a in self.came.values())


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
    asking = _Asking(target, backend, settings, deadline, progress or Counted())
    sizes = _cases(target, dtypes[0])
    asking.ask(sizes)
    came = asking.came
    if asking.all_crash:
        return Limits()
    given = [case for case in sizes if isinstance(came.get(case), Answered)]
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
    answered = [result.by_torch for result in came.values() if isinstance(result, Answered)]
    # In the order of the sizes: of several refusals the first one is reported.
    open_ = {case.geometry for case in asking.missed}
    plain = {case: answers[case] for case in sizes if case in answers}
    whole = [
        dtype
        for dtype in dtypes
        if _refuses_all(answers, dtype) and not any(c.dtype == dtype for c in asking.missed)
    ]
    reasons = {dtype: _first(answers, dtype) for dtype in whole}
    alike = {said: [d for d in whole if reasons[d] == said] for said in reasons.values()}
    dtypes_refused = [
        _reported(_EVERYTHING if len(those) == len(dtypes) else _names(those), reason.said)
        for reason, those in alike.items()
        if not reason.unasked
    ]
    unasked = [_reported(_names(those), r.said) for r, those in alike.items() if r.unasked]
    limits = [] if dtypes[0] in whole else list(_limits(plain, open_))
    sizes_refused = [_reported(about, message) for about, _, message in limits]
    where = _together([left for _, left, _ in limits])
    refused = (*sizes_refused, *dtypes_refused)
    return Limits(
        where,
        refused,
        sum(answered),
        len(answered),
        tuple(whole),
        tuple(unasked),
        len(came),
        len(asking.missed),
    )


def _names(dtypes: Iterable[torch.dtype]) -> str:
    return ", ".join(map(dtype_name, dtypes))


def _is_of_glue(target: Target, error: BaseException) -> bool:
    """Whether what is between a stranger's arrays and torch's tensors does not support it."""
    return target.over_arrays and isinstance(error, NotImplementedError)


def _cases(target: Target, dtype: torch.dtype) -> list[Case]:
    cases = [
        Case(check=CERTIFICATE, geometry=geometry, dtype=dtype, requires_grad="")
        for geometry in map(Geometry.parse, (_PLAIN, *_VARIED, *_SMALL))
    ]
    return [*dict.fromkeys(in_reach(target, case) for case in cases)]


def _refuses_all(answers: Mapping[Case, Refused | None], dtype: torch.dtype) -> bool:
    said = [answer for case, answer in answers.items() if case.dtype == dtype]
    return bool(said) and all(said)


def _first(answers: Mapping[Case, Refused | None], dtype: torch.dtype) -> Refused:
    return next(r for case, r in answers.items() if case.dtype == dtype and r is not None)


def _limits(
    answers: Mapping[Case, Refused | None], missed: Iterable[Geometry]
) -> Iterator[tuple[str, str, str]]:
    """What refusals are about, the domain that is left, and their messages."""
    accepted = [*missed, *(case.geometry for case, said in answers.items() if said is None)]
    refused = {case.geometry: said.said for case, said in answers.items() if said is not None}
    possible = [pair for pair in _LIMITS if not any(g in Domain(pair[0]) for g in accepted)]
    while refused and accepted:
        counts = [sum(g in Domain(about) for g in refused) for about, _ in possible]
        if not any(counts):
            return
        about, left = possible[counts.index(max(counts))]
        met = [geometry for geometry in refused if geometry in Domain(about)]
        yield about, left, refused[met[0]]
        refused = {g: said for g, said in refused.items() if g not in met}


def _together(parts: Sequence[str]) -> str:
    return " and ".join(f"({part})" if " or " in part else part for part in parts)


def _reported(about: str, message: str) -> str:
    return f"{about} ({message})"
