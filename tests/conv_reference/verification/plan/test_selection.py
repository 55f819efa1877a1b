from __future__ import annotations

import pytest
import torch

from conv_reference.verification.checks import Sample, all_checks
from conv_reference.verification.plan.selection import (
    require_known,
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


def test_an_unknown_check_is_refused_with_what_is_near_it() -> None:
    require_known(["certificate", "grad_input"])
    with pytest.raises(ValueError, match=r"^no check 'gard_input'; .* lists; nearest: grad_input"):
        require_known(["certificate", "gard_input"])


def test_where_some_rows_are_named_those_alone_are_reported() -> None:
    checks = selected_checks(TARGET, ["grad_input"])
    assert selected_rows(checks, ["grad_input"]) == {"grad_input"}
    assert selected_rows(checks, ["certificate"]) >= {"forward", "grad_input"}
    assert selected_rows(checks, []) == {row.name for check in checks for row in check.rows}
