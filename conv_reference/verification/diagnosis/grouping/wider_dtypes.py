"""Failures that a narrow dtype showed by chance: a wider one of the run fails alike.

Cases are drawn for each dtype anew. So a fault that has nothing to do with the dtype may be met in
half precision alone, where a reader would look for it in vain among roundings.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import takewhile

import torch

from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.kinds import Kind, kind_of, size
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.judgement import Failure

_MOST_KINDS, _MOST_CASES = 12, 3  # that are run in wider dtypes; and of each, the smallest


def with_wider(
    groups: Groups, dtypes: Collection[torch.dtype], bench: Bench
) -> tuple[Groups, tuple[Failure, ...]]:
    """The groups, and those of wider dtypes that fail on the same cases; and these failures.

    Args:
        groups: of failures, by their kinds.
        dtypes: of the run.
        bench: with no time left, nothing is run.
    """
    seen = {(kind.in_any_dtype, kind.dtype) for kind in groups}
    order = [name for name, dtype in DTYPES.items() if dtype in dtypes]
    found: Groups = {}
    narrow = [kind for kind in groups if not kind.known and not kind.thrown]
    for kind in narrow[:_MOST_KINDS]:
        wider = [*takewhile(lambda name, own=kind.dtype: name != own, order)]  # type: ignore[misc]  # mypy infers no type for its default
        if not wider or any((kind.in_any_dtype, name) in seen for name in order if name in wider):
            continue
        for failure in _in_wider(kind, groups[kind], wider, bench):
            found.setdefault(kind_of(failure), Group()).failures.append(failure)
    more = tuple(failure for group in found.values() for failure in group.failures)
    return groups | found, more


def _in_wider(kind: Kind, group: Group, wider: Collection[str], bench: Bench) -> list[Failure]:
    """The same kind of failure on its smallest cases, in wider dtypes."""
    smallest = sorted(group.failures, key=size)[:_MOST_CASES]
    asked = [
        replace(failure.case, dtype=DTYPES[name])
        for failure in smallest
        for name in wider
        if all_checks()[failure.case.check].applies(DTYPES[name])
    ]
    answers: dict[Case, list[Failure]] = bench.failures_on(asked)
    return [
        failure
        for those in answers.values()
        for failure in those
        if kind_of(failure).in_any_dtype == kind.in_any_dtype and bench.known(failure) is None
    ]
