"""Which failures are told as one, in which order, and what all of them have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from conv_reference.quantities import QUANTITIES
from conv_reference.verification.checks import Told, all_rows
from conv_reference.verification.diagnosis.circumstances import circumstances
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.bulk import CERTIFICATE

_ENDS = frozenset({Verdict.RAISED, Verdict.CRASHED})


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


def told(row: str) -> Told:
    """How failures of a row are reported."""
    return all_rows()[row].told


def is_first(row: str) -> bool:
    """Whether failures of a row come first in a report, others with them."""
    return all_rows()[row].is_first


def is_told_with(row: str, certificates: str) -> bool:
    """Whether a failure is reported with its certificate's, of this row, on the same case."""
    lacks_graph = told(certificates) == Told.GRAPH and told(row) != Told.GRAPH
    return is_first(certificates) or lacks_graph


def hides(primary: Failure, key: Key) -> bool:
    """Whether telling a failure with its case's certificate would hide a fault of its own.

    Nobody throws, or changes an argument, because a number was wrong.
    """
    judgement = primary.judgement
    numbers = judgement.verdict == Verdict.WRONG and told(judgement.check) == Told.NUMBER
    return numbers and (key.verdict in _ENDS or told(key.row) == Told.APART)


def what_failed(judgement: Judgement) -> tuple[str, str, Verdict]:
    """What two failures have in common that are taken for the same."""
    return judgement.check, judgement.quantity_alike, judgement.verdict


def rank(failure: Failure) -> int:
    """The order in which failures are reported: see ``Told``."""
    row = failure.judgement.check
    return 0 if is_first(row) else 2 if told(row) == Told.LAST else 1


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
    if not is_first(key.row):
        # A case is asked many things, few of them of each: alike is what fails at all.
        keys = [k for k in groups if k.row == key.row and not k.known]
        failing = [f.case for k in keys for f in groups[k]]
        elsewhere = {f.case for f in failures if f.judgement.check == key.row} - {*failing}
        others = [c for c in tried if c.check == shown.check and c not in elsewhere]
        return circumstances(failing, others, smallest=shown)
    keys = [k for k in groups if is_first(k.row) and in_any_dtype(k) == in_any_dtype(key)]
    failing = [f.case for k in keys for f in groups[k] if f.case.check == CERTIFICATE]
    asked = {QUANTITIES[k.quantity].leaf if k.quantity in QUANTITIES else "" for k in keys}
    others = [
        c
        for c in tried
        if c.check == CERTIFICATE and any(letter in c.requires_grad for letter in asked)
    ]
    return circumstances(failing, others, smallest=shown)
