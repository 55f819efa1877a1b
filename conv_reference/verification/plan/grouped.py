"""For frameworks that compile for each shape: few geometries, and many questions on each.

A program costs a hundred times what a question to it costs. So a tenth of the geometries is
drawn, and each is put to what the same program answers: every choice of values, and checks that
call it as the certificate does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, cycle, islice, zip_longest

from conv_reference.verification.checks import Check, Sample
from conv_reference.verification.model.case import ALL_LEAVES, EXACT_VALUES, Case, Values
from conv_reference.verification.plan.possible import as_possible, dense
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.target import Target

QUESTIONS = 10  # on each geometry
LESS_MODES = 4  # times fewer cases of modes: each is a few programs of its own
_FIRST = 100  # certificates, with which the modes take turns
_FEW = 2  # cases of each mode and dtype, before the other certificates


def fewer(request: Request, times: int) -> Request:
    """The same with so many times fewer cases."""
    return replace(request, cases=max(1, round(request.size / times)))


def questions(target: Target, drawn: Iterable[Case], checks: Iterable[Check]) -> Iterator[Case]:
    """Up to ten questions for each case: its own first, the others of its geometry and dtype.

    Args:
        target: what they are put to.
        drawn: certificates, each on a geometry of its own.
        checks: of the run; those that call the target as the certificate does join in, in turn.
    """
    joining = [each for each in checks if _asks_alike(each)]
    turn = cycle(joining)
    for case in drawn:
        whole = replace(case, requires_grad=ALL_LEAVES)
        asked = [
            *(dense(target, replace(whole, values=values)) for values in EXACT_VALUES),
            as_possible(target, replace(whole, values=Values.SPARSE)),
            *(
                as_possible(target, replace(whole, check=check.name))
                for check in islice(turn, min(QUESTIONS, len(joining)))
                if check.applies(case.dtype) and target.can_be_exact(case.geometry, case.dtype)
            ),
        ]
        distinct = dict.fromkeys([case, *(one for one in asked if one is not None)])
        yield from islice(distinct, QUESTIONS)


def _asks_alike(check: Check) -> bool:
    """Whether it calls at the shapes of a certificate, on any geometry, and by no transform.

    Nor does who asks in several parts: the second order, each part of which is a program.
    """
    alike = check.sample == Sample.MODES and check.times == 1
    return alike and not (check.real or check.transform or check.own_sizes)


def modes_early(
    certificates: Sequence[Case], modes: Iterable[Case], checks: Iterable[Check]
) -> Iterator[Case]:
    """Certificates and modes in turn, two of each mode and dtype, then all that is left of both.

    The clock may cut a run within minutes, after a hundred programs: it has asked for each mode
    once by then.

    Args:
        certificates: in their order.
        modes: in the order of their checks.
        checks: of the run.
    """
    met: Counter[object] = Counter()
    early: defaultdict[str, list[Case]] = defaultdict(list)
    late: list[Case] = []
    for case in modes:
        key = case.check, case.dtype
        (early[case.check] if met[key] < _FEW else late).append(case)
        met[key] += 1
    transforms_first = sorted(checks, key=lambda check: not check.transform)
    queues = [early[check.name] for check in transforms_first if early[check.name]]
    begun = [
        [*queue[place % len(queue) :], *queue[: place % len(queue)]]
        for place, queue in enumerate(queues)
    ]
    first = certificates[:_FIRST]
    yield from filter(None, chain(*zip_longest(first, _in_turn(begun))))
    yield from (*certificates[_FIRST:], *late)


def _in_turn(queues: Iterable[Sequence[Case]]) -> Iterator[Case]:
    """The first of each, the second of each, and so on."""
    return filter(None, chain(*zip_longest(*queues)))
