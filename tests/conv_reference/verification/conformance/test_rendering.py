from __future__ import annotations

import html
import re

import pytest
from conformance_reports import FINDING, OTHER, RIGHT
from syrupy.assertion import SnapshotAssertion

from conv_reference.verification.conformance.read_report import failed, run_of
from conv_reference.verification.conformance.rendering import rendered
from conv_reference.verification.conformance.table import LEGEND, Shown, rows

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


def test_not_reached_is_a_cell_of_its_own() -> None:
    cut = run_of(RIGHT | {"judged": 290, "unreached": {"certificate": 9, "vmap": 1, "large": 2}})
    table = {row.title: row.cells for row in rows([cut, RUNS[1]])}

    assert table["certificate"][0] == Shown("exact 1/2")  # in part, as the run's verdict says
    assert table["vmap"][0] == table["large"][0] == Shown("not reached")
    assert (table["one_more"][0], table["large"][1]) == (Shown("-"), Shown("-"))
    for form in ("text", "markdown", "html"):
        page = rendered([cut, RUNS[1]], form)
        assert re.search(r"large.*not reached", page), form
        assert LEGEND.split(". cut")[0] in page, form  # "-: not asked. not reached: ..."


def test_of_what_is_unsupported_there_are_no_bits() -> None:
    """Of a case that was judged before another of its questions was refused."""
    refused = {**RIGHT["checks"][3], "verdict": "unsupported", "effective_bits": 3.0}
    alone = run_of(RIGHT | {"checks": [*RIGHT["checks"][:3], refused]})
    table = {row.title: row.cells[0].text for row in rows([alone])}
    assert (table["precision"], table["effective bits"]) == ("unsupported", "-")

    beside = run_of(RIGHT | {"checks": [*RIGHT["checks"], refused]})
    table = {row.title: row.cells[0].text for row in rows([beside])}
    assert table["precision"] == "rounded 23.2 of 24b 2/3"


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_what_could_not_be_run_has_a_column_and_says_why(form: str) -> None:
    runs = [RUNS[0], failed("mine:<None>", "no module named\n'mine'")]
    (verdict, *others) = rows(runs)
    assert verdict.cells[1] == Shown("NOT RUN", bad=True)
    assert {row.cells[1] for row in others} == {Shown("-")}

    page = html.unescape(rendered(runs, form))
    assert page.count("NOT RUN") == 2  # the cell and the legend
    assert re.search(r"mine:<None>: no module named.{0,4}'mine'", page)


def test_what_did_not_return_in_time_has_timed_out() -> None:
    late = OTHER["checks"][1] | {"verdict": "crashed", "timed_out": True}
    told = OTHER | {"verdict": "crashed", "judged": 300, "checks": [late], "findings": []}
    table = {row.title: row.cells for row in rows([run_of(told)])}
    assert table["verdict"] == table["vmap"] == (Shown("TIMED OUT", bad=True),)

    died = late | {"name": "vmap_nested", "timed_out": False}
    table = {row.title: row.cells for row in rows([run_of(told | {"checks": [late, died]})])}
    assert table["verdict"] == table["vmap"] == (Shown("CRASHED", bad=True),)


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
