from __future__ import annotations

import re

import pytest
from conformance_reports import FINDING, OTHER, RIGHT
from syrupy.assertion import SnapshotAssertion

from conv_reference.verification.conformance.read_report import run_of
from conv_reference.verification.conformance.rendering import rendered
from conv_reference.verification.conformance.table import Shown, rows

RUNS = [run_of(RIGHT), run_of(OTHER)]


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_table_and_its_findings(form: str, snapshot: SnapshotAssertion) -> None:
    assert rendered(RUNS, form) == snapshot


def test_not_asked_unsupported_and_exact_are_three_cells() -> None:
    table = {row.title: row.cells for row in rows(RUNS)}

    assert table["forward_mode"] == (Shown("unsupported"), Shown("-"))
    assert table["certificate"] == (Shown("exact 1/2"), Shown("exact"))
    assert table["vmap"] == (Shown("-"), Shown("WRONG", bad=True, finding=0))
    assert table["one_more"] == (Shown("-"), Shown("exact"))  # another version's


def test_the_bits_are_those_that_fall_the_farthest_short() -> None:
    table = {row.title: row.cells[0].text for row in rows(RUNS)}
    assert table["precision"] == "rounded 23.2 of 24b"
    assert table["effective bits"] == "23.2 of 24b"


def test_a_run_that_did_not_pass_says_so_though_nothing_is_wrong() -> None:
    (verdict, *_) = rows([run_of(RIGHT | {"passed": False})])
    assert verdict.cells == (Shown("rounded, not passed", bad=True),)


def test_a_run_that_did_not_reach_all_its_cases_is_cut() -> None:
    cut = RIGHT | {"judged": 290, "refused": 20, "silent": 10}
    (verdict, judged, *_) = rows([run_of(cut), run_of(cut | {"planned": 290})])
    assert verdict.cells == (Shown("rounded, cut"), Shown("rounded"))
    assert judged.cells == (Shown("260 of 300"), Shown("260 of 290"))

    (verdict, *_) = rows([run_of(cut | {"unjudged": ["case, for the engine failed"] * 10})])
    assert verdict.cells == (Shown("rounded"),)


def test_a_known_defect_is_called_so() -> None:
    alone = [OTHER["checks"][1] | {"known": True}]
    known = OTHER | {"passed": True, "judged": 300, "checks": alone}
    table = {row.title: row.cells for row in rows([run_of(known)])}
    assert table["verdict"] == (Shown("wrong (known)", finding=0),)
    assert table["vmap"] == (Shown("wrong (known)", bad=True, finding=0),)

    (cut, *_) = rows([run_of(known | {"passed": False, "judged": 20})])
    assert cut.cells == (Shown("wrong (known), cut, not passed", bad=True, finding=0),)


def test_what_is_wrong_opens_what_is_new_and_not_what_is_known_beside_it() -> None:
    known = FINDING | {"known": "a page", "group": 7}
    table = {row.title: row.cells for row in rows([run_of(OTHER | {"findings": [known, FINDING]})])}
    assert table["verdict"][0].finding == table["vmap"][0].finding == 1


def test_what_is_not_offered_is_not_asked_and_what_lacks_a_mode_is_unsupported() -> None:
    lacking = RIGHT["checks"][0] | {"name": "vmap", "dtype": "-", "verdict": "unsupported"}
    not_offered = lacking | {"name": "bias_layout", "not_asked": True}
    more = run_of(RIGHT | {"checks": [*RIGHT["checks"], lacking, not_offered]})
    table = {row.title: row.cells[0].text for row in rows([more, *RUNS])}
    assert table["vmap"] == "unsupported"
    assert "bias_layout" not in table


def test_a_cell_of_the_page_opens_its_finding_and_nothing_is_markup() -> None:
    page = rendered(RUNS, "html")

    of_run, link = re.findall(r'<a href="#(\w+)">WRONG(?:, cut)?</a>', page)
    assert of_run == link  # that of the run, and of its group of checks
    assert page.count(f'id="{link}"') == 1
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize(("count", "counted"), [(1, "1 framework"), (2, "2 frameworks")])
def test_frameworks_are_counted(count: int, counted: str) -> None:
    assert f"<h1>Convolution in {counted}</h1>" in rendered(RUNS[:count], "html")
