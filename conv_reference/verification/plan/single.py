"""Everything on one geometry: each check in each dtype, the certificate in every variation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.checks import Check, Sample, certifying
from conv_reference.verification.model.case import (
    EXACT_VALUES,
    LAYOUT_FIELDS,
    SUBSETS,
    Case,
    Layout,
    Values,
)
from conv_reference.verification.plan.possible import as_possible
from conv_reference.verification.target.target import Target


def geometry_cases(
    target: Target, geometry: Geometry, dtypes: Iterable[torch.dtype], checks: Iterable[Check]
) -> Iterator[Case]:
    """The cases of one geometry.

    Args:
        target: what they are put to; it can be asked for the geometry.
        geometry: the only one.
        dtypes: each of them.
        checks: that are asked for.
    """
    chosen = list(checks)
    for dtype in dtypes:
        for check in chosen:
            for case in _of_check(target, geometry, dtype, check):
                yield as_possible(target, case)


def _of_check(
    target: Target, geometry: Geometry, dtype: torch.dtype, check: Check
) -> Iterator[Case]:
    """The cases of one check; none where it does not apply, or has sizes of its own."""
    if not check.applies(dtype) or (check.has_own and check.row_of(target, geometry) is None):
        return
    plain, exact = Case(check=check.name, geometry=geometry, dtype=dtype), target.can_be_exact
    if check == certifying():
        yield from _variations(plain) if exact(geometry, dtype) else [plain]
    elif check.real:
        yield replace(plain, values=Values.REAL)
    elif check.sample == Sample.OWN or exact(geometry, dtype):
        yield plain


def _variations(case: Case) -> Iterator[Case]:
    """One thing changed at a time: the values, a layout, the gradients asked for, the bias."""
    for values in EXACT_VALUES:
        yield replace(case, values=values)
    for layout in Layout:
        for role in LAYOUT_FIELDS:
            yield case.laid_out({role: layout})
    for subset in SUBSETS:
        yield replace(case, requires_grad=subset)
    yield replace(case, bias=False, requires_grad="XK")
