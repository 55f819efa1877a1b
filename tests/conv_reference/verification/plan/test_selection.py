from __future__ import annotations

import torch

from conv_reference.verification.checks import Sample, all_checks
from conv_reference.verification.plan.selection import (
    selected_checks,
    selected_rows,
)
from conv_reference.verification.target.conventions import as_target

TARGET = as_target(torch.nn.functional.conv2d)


def test_a_check_is_chosen_by_its_name_or_a_rows() -> None:
    for names in (["certificate"], ["grad_input"], ["grad_bias", "certificate"]):
        assert [check.name for check in selected_checks(TARGET, names)] == ["certificate"]
    on_request = [c.name for c in all_checks().values() if c.sample == Sample.REQUEST]
    assert not set(on_request) & {check.name for check in selected_checks(TARGET, [])}
    for name in on_request:
        assert [check.name for check in selected_checks(TARGET, [name])] == [name]


def test_where_some_rows_are_named_those_alone_are_reported() -> None:
    checks = selected_checks(TARGET, ["grad_input"])
    assert selected_rows(checks, ["grad_input"]) == {"grad_input"}
    assert selected_rows(checks, ["certificate"]) >= {"forward", "grad_input"}
    assert selected_rows(checks, []) == {row.name for check in checks for row in check.rows}
