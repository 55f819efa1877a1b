from __future__ import annotations

import subprocess
import sys

import pytest

from conv_reference.verification.checks import Sample, all_checks
from conv_reference.verification.reading import catalogue


def test_what_is_read_from_the_source_is_what_the_modules_register() -> None:
    read = {
        entry.name: (entry.check, entry.asserts, entry.why, entry.fault, entry.on_request)
        for entry in catalogue.entries()
    }
    registered = {
        row.name: (check.name, row.asserts, row.why, row.fault, check.sample == Sample.REQUEST)
        for check in all_checks().values()
        for row in check.rows
    }
    assert read == registered
    assert len(read) == len(catalogue.entries())


def test_the_rows_of_a_check_stand_in_its_order() -> None:
    for check in all_checks().values():
        read = [entry.name for entry in catalogue.entries() if entry.check == check.name]
        assert read == [row.name for row in check.rows]


def test_each_group_is_a_module_with_a_title() -> None:
    groups = {entry.group: entry.title for entry in catalogue.entries()}
    assert groups["degenerate"].startswith("Degenerate sizes")
    assert len({*groups.values()}) == len(groups)


def test_neither_it_nor_a_report_needs_torch() -> None:
    code = (
        "import sys; from conv_reference.verification.reading import catalogue; "
        "catalogue.entries(); "
        "import conv_reference.verification.report.summary; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_there_is_accepted() -> None:
    catalogue.require_known(["certificate", "grad_input", "compile"])


def test_a_name_that_is_not_there_is_refused_with_what_is_near() -> None:
    with pytest.raises(ValueError, match=r"no check 'grad_inptu'; .*; did you mean grad_input or"):
        catalogue.require_known(["forward", "grad_inptu"])


def test_every_heading_that_is_listed_may_be_asked_for() -> None:
    groups = {entry.group for entry in catalogue.entries()}
    catalogue.require_known(groups)
    for group in groups:
        assert catalogue.of_families([group])
    assert catalogue.without(["surroundings"], []) == ("threads", "global_state")
    assert catalogue.without(["bilinearity"], ["adjointness"]) == ("additivity", "homogeneity")
    assert not {"two_backwards", "memory"} & {*catalogue.without([], ["aliasing"])}
    assert "jvp" in catalogue.without([], ["aliasing"])


def test_a_check_is_no_family_of_its_name() -> None:
    assert catalogue.of_families(["vmap", "autocast", "vmap"]) == ("vmap", "autocast")


def test_what_is_skipped_is_left_out_by_check_or_row() -> None:
    whole = catalogue.without((), ["jvp"])
    assert "jvp" not in whole
    assert "compile" not in whole
    assert "certificate" in whole
    part = catalogue.without(["certificate"], ["grad_bias"])
    assert {"forward", "grad_input"} <= {*part}
    assert not {"certificate", "grad_bias"} & {*part}
    assert catalogue.without(["jvp"], []) == ("jvp",)
    with pytest.raises(ValueError, match="no check is left without jvp"):
        catalogue.without(["jvp"], ["jvp"])
