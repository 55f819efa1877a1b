"""Which failures are told as one, in which order, and what all of them have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from conv_reference.verification.checks.certificate import ROWS
from conv_reference.verification.diagnosis.circumstances import circumstances
from conv_reference.verification.diagnosis.tally import Failure
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.bulk import CERTIFICATE
from conv_reference.verification.trial.judge import Judgement

FIRST = frozenset({"shapes", *ROWS.values()})
_GRADIENTS = frozenset(ROWS) - {"Y"}
_ENDS = frozenset({Verdict.RAISED, Verdict.CRASHED})
GRAPH = "requires_grad"  # told by the certificate, too: without a graph most checks fail


@dataclass(frozen=True)
class Key:
    """What failures have in common that are told as one."""

    row: str
    quantity: str
    verdict: str
    dtype: str
    known: str  # the known defect, or empty


def in_any_dtype(key: Key) -> Key:
    """What is the same for failures whose circumstances are those of one fault.

    Which quantity a raise is blamed on depends on what the case asks for.
    """
    if key.verdict == Verdict.RAISED:
        return replace(key, dtype="", row="", quantity="")
    return replace(key, dtype="")


def hides(primary: Failure, key: Key) -> bool:
    """Whether telling a failure with its case's certificate would hide a fault of its own.

    Nobody throws, or changes an argument, because a number was wrong.
    """
    judgement = primary.judgement
    numbers = judgement.verdict == Verdict.WRONG and judgement.check not in {"shapes", GRAPH}
    return numbers and (key.verdict in _ENDS or key.row == "arguments")


def what_failed(judgement: Judgement) -> tuple[str, str, Verdict]:
    """What two failures have in common that are taken for the same."""
    return judgement.check, without_in_dims(judgement.quantity), judgement.verdict


def without_in_dims(quantity: str) -> str:
    """The quantity as it is told: which dimensions are mapped over is drawn for each case."""
    return re.sub(r" \(in_dims \d+\)", "", quantity)


def rank(failure: Failure) -> int:
    """The certificate's first; who answers what has no answer may be right in all else."""
    check = failure.judgement.check
    return 0 if check in FIRST else 2 if check == "refusals" else 1


def size(failure: Failure) -> tuple[bool, int, int]:
    """Small and plain cases first: they are reduced sooner."""
    g = failure.case.geometry
    empty = g.batch == 0  # it shows little: last
    work = products(failure.case) * 4 + g.input_size[0] * g.input_size[1]
    return empty, work, len(failure.case.layout)


def products(case: Case) -> int:
    """How many products one forward pass has."""
    g = case.geometry
    return math.prod((g.batch, *g.output_size, *g.weight_shape))


def common_to(
    key: Key,
    groups: Mapping[Key, Sequence[Failure]],
    shown: Case,
    failures: Sequence[Failure],
    tried: Sequence[Case],
) -> str:
    """What all failures alike, in any dtype, have in common with the smallest.

    Args:
        key: of the failures.
        groups: all failures, by their keys; but for those that are told with others.
        shown: the smallest case.
        failures: all, those that are told with others among them.
        tried: every case that was judged.
    """
    if key.row not in FIRST:
        # A case is asked many things, few of them of each: alike is what fails at all.
        keys = [k for k in groups if k.row == key.row and not k.known]
        failing = [f.case for k in keys for f in groups[k]]
        elsewhere = {f.case for f in failures if f.judgement.check == key.row} - {*failing}
        others = [c for c in tried if c.check == shown.check and c not in elsewhere]
        return circumstances(failing, others, smallest=shown)
    keys = [k for k in groups if k.row in FIRST and in_any_dtype(k) == in_any_dtype(key)]
    failing = [f.case for k in keys for f in groups[k] if f.case.check == CERTIFICATE]
    asked = {k.quantity.removeprefix("d") if k.quantity in _GRADIENTS else "" for k in keys}
    others = [
        c
        for c in tried
        if c.check == CERTIFICATE and any(letter in c.requires_grad for letter in asked)
    ]
    return circumstances(failing, others, smallest=shown)
