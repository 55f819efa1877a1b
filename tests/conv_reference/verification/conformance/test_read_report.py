from __future__ import annotations

import re
from pathlib import Path

import pytest
from conformance_reports import FINDING, OTHER, RIGHT, written

from conv_reference.verification import verify
from conv_reference.verification.conformance.read_report import named_apart, read, run_of
from conv_reference.verification.report.json import content


def test_a_report_is_read_as_verify_writes_it(tmp_path: Path) -> None:
    report = verify("torch.nn.functional:conv2d", geometry="h2 w2 k1", seed=0, isolate=False)
    (file,) = written(tmp_path, torch=content(report))
    run = read(file)

    assert (run.name, run.judged) == ("torch.nn.functional:conv2d", report.answered)
    assert run.refused == report.refused
    assert {"certificate", "vmap"} <= {*run.cells}
    assert sum(cell.asked for cell in run.cells.values()) == len(report.checks)
    assert run.unreached == frozenset()


def test_what_the_clock_left_over_is_read_by_its_group() -> None:
    """A check may have the name of none of its rows, as `certificate`."""
    run = run_of(RIGHT | {"unreached": {"certificate": 5, "vmap_nested": 2, "of_old": 1}})
    assert run.unreached == {"certificate", "vmap", "of_old"}


def test_findings_of_one_cause_are_one_which_shows_in_all_their_rows() -> None:
    alone = FINDING | {"check": "forward", "also": [], "group": 2}
    run = run_of(OTHER | {"findings": [*OTHER["findings"], alone]})

    assert [found.rows for found in run.findings] == [("vmap", "vmap_nested"), ("forward",)]
    assert {name: cell.finding for name, cell in run.cells.items()} == {
        "certificate": 1,
        "vmap": 0,
        "one_more": None,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "is no report of verify --format json: it lacks target, verdict"),
        ('{"target": "x"}', "it lacks verdict, passed"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(said)):
        read(tmp_path / "x.json")


def test_a_verdict_that_is_none_is_refused(tmp_path: Path) -> None:
    (file,) = written(tmp_path, x=RIGHT | {"verdict": "fine"})
    with pytest.raises(ValueError, match="'fine' is not a valid Verdict"):
        read(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot read '.*none\.json'"):
        read(tmp_path / "none.json")


def test_two_targets_of_one_framework_have_two_names() -> None:
    jax = RIGHT | {"environment": {"framework": "JAX 1.0"}}
    targets = ("adapters.jax:Jax", "adapters.jax:Nhwc", "adapters.jax:Nhwc")
    runs = [run_of(RIGHT), *(run_of(jax | {"target": target}) for target in targets)]
    names = [run.name for run in named_apart(runs)]
    assert names == ["right 1.0", "JAX 1.0 Jax", "JAX 1.0, run 3", "JAX 1.0, run 4"]
