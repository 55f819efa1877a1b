"""The maintainer's recipes, followed to the letter in a copy of the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest

from conv_reference.verification.model.notes import Unjudged
from conv_reference.verification.model.result import CheckResult, Report, Verdict
from conv_reference.verification.report.view import Top

ROOT = Path(__file__).parent.parent
MAP = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
RECIPES = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n# (.*?)\n(.*?)^```", RECIPES, re.DOTALL | re.MULTILINE)


COPIED = ("conv_reference", "analytic")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with everything that the page adds."""
    folder = tmp_path_factory.mktemp("project")
    for package in COPIED:
        copytree(ROOT / package, folder / package, ignore=ignore_patterns("__pycache__"))
    for place, code in BLOCKS:
        added(folder, place, code)
    return folder


def added(folder: Path, place: str, code: str) -> None:
    """Write a file, add to the end of one, or to the lines of a table in one: PATH: NAME."""
    how, path, table = re.fullmatch(r"(at the end of |in )?(\S+?)(?:: (\w+))?", place).groups()  # type: ignore[union-attr]  # else the page is wrong
    file = folder / path
    assert file.exists() == bool(how), place
    before = file.read_text(encoding="utf-8") if how else ""
    if table:
        found = re.search(rf"^{table}\b.*[({{]\n(?: .*\n)*", before, re.MULTILINE)
        assert found is not None, place
        code = before[: found.end()] + code + before[found.end() :]
    else:
        code = before + code
    file.write_text(code, encoding="utf-8")


def path_of(place: str) -> str:
    """The file that the heading of a recipe's block names."""
    return re.sub(r"^(at the end of |in )|: \w+$", "", place)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the packages in it, by its path there."""
    files = (file for package in COPIED for file in (folder / package).rglob("*"))
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_no_other_file_is_touched_than_the_recipes_name(project: Path) -> None:
    before, after = contents(ROOT), contents(project)

    assert {path for path in after if before.get(path) != after[path]} == {
        path_of(place) for place, _ in BLOCKS
    }
    assert {*before} <= {*after}


# The tables to which recipes add, by the names that tests have for them; and every source.
TABLES = re.compile(
    r"\b(DTYPES|OPERATORS|READINGS|OPTIONS|RECORDED|all_checks|all_rows|catalogue|formats)\b"
    r"|conv_reference\.completion|rglob\(\"\*\.py\"\)"
)
LISTED = "--baseline"  # in a snapshot that lists the options
# What the page says that changes with a format or an option; and that one is read, as the page's
# is by nobody.
NAMED = {
    "conv_reference/test_cli.py",
    "conv_reference/test_completion.py",
    "conv_reference/verification/test_options.py",
}
# Rooms whose tests put cases to targets, each in all dtypes: minutes, so they are run on request.
PUTTING_CASES = {"checks", "diagnosis", "running", "step", "trial"}
EVERY = "RECIPES_EVERY"  # in the environment: `make recipes` has every test run, also of these


def noticing() -> list[str]:
    """Every test module that names a table to which a recipe adds, or has a snapshot of one."""
    modules = [*(ROOT / "tests").glob("*.py"), *(ROOT / "tests/conv_reference").rglob("test_*.py")]
    listing = {
        snapshot.stem
        for snapshot in (ROOT / "tests/conv_reference").rglob("__snapshots__/*.ambr")
        if LISTED in snapshot.read_text(encoding="utf-8")
    }
    return [
        str(module.relative_to(ROOT))
        for module in sorted(modules)
        if (TABLES.search(module.read_text(encoding="utf-8")) or module.stem in listing)
        and module != Path(__file__)
        and not PUTTING_CASES & {*module.parts}
    ]


def test_what_notices_a_recipe_is_found_by_what_it_names() -> None:
    found = {Path(module).stem for module in noticing()}
    # One of each recipe, and what lists what all of them add.
    assert found >= {"test_catalogue", "test_formats", "test_baseline", "test_covering"}
    assert found >= {"test_operators", "test_cli", "test_completion", "test_configuration"}


@pytest.mark.slow
@pytest.mark.timeout(3_600)  # a minute on idle cores; every test takes longer
def test_no_other_file_needs_to_be_touched(project: Path, tmp_path: Path) -> None:
    """In a copy of everything, the tests that would notice fail where the page says so alone."""
    made = (
        "__pycache__",
        "mutants",
        "build",
        "wrong.py",
        "added.py",
        ".git",
        ".venv",
        ".coverage*",
    )
    ignored = ignore_patterns(*made, ".hypothesis", ".*_cache", "node_modules")
    copy = tmp_path / "copy"
    copytree(ROOT, copy, ignore=ignored)
    copytree(project, copy, ignore=ignored, dirs_exist_ok=True)
    # By another name than the working directory's, which children look through last.
    (tmp_path / "first").symlink_to(copy, target_is_directory=True)
    every = ["-n", "auto", f"--deselect=tests/{Path(__file__).name}"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider"),
            *(every if EVERY in os.environ else noticing()),
        ],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "first")},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = set(re.findall(r"^(?:FAILED|ERROR) tests/([^:\s]+)", done.stdout, re.MULTILINE))

    assert failed == NAMED, done.stdout[-6_000:]


# In one process: each imports torch once more.
COMMANDS = """
import shlex, sys
from conv_reference.cli import main
for line in sys.argv[1:]:
    try:
        status = main(shlex.split(line))
    except SystemExit as refused:
        status = refused.code
    print("status", status, flush=True)
"""


def commands(project: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """What each command line prints, and its status after it."""
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.run(
        [sys.executable, "-c", COMMANDS, *lines],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_has_a_recipe_for_each_thing_that_is_added() -> None:
    assert [place.split("/")[-1] for place, _ in BLOCKS] == [
        "negated.py",
        "csv.py",
        "judged.py",
        "tried.py: DTYPES",
        *("quantities.py: _ALL", "tried.py: OPERATORS"),
    ]


def test_every_room_is_on_the_map_and_every_module_that_is_in_none() -> None:
    named = set(re.findall(r"`(?:[\w/]+/)?(\w+)(?:/|\.py)`", MAP))
    for folder in ("conv_reference", "conv_reference/verification", "analytic"):
        modules = {path.stem for path in (ROOT / folder).glob("[!_]*.py")}
        assert modules - named == set(), folder
    rooms = {path.parent.name for package in COPIED for path in (ROOT / package).rglob("[!_]*.py")}
    assert rooms - named - {"verification", "analytic", "conv_reference"} == set()


@pytest.fixture(scope="module")
def csv() -> Callable[[Report], str]:
    """The example format's renderer."""
    (code,) = (code for place, code in BLOCKS if place.endswith("csv.py"))
    recipe: dict[str, Any] = {"__name__": "recipe"}
    exec(code, recipe)
    render: Callable[[Report], str] = recipe["render"]
    return render


def test_the_csv_says_what_is_known_and_what_a_gate_saw(csv: Callable[[Report], str]) -> None:
    known = CheckResult("forward", "float64", Verdict.WRONG, 1, None, None, known=True)
    right = CheckResult("forward", "float32", Verdict.EXACT, 1, None, None)
    report = Report("f", {}, 0, Verdict.ROUNDED, 2, 2, (known, right), ())
    top = Top("wrong", "regression", "red: 1 regression", [("broken", ["was exact, is wrong"])])

    assert csv(top.over(report)).splitlines() == [
        "check,dtype,verdict",
        "forward,float64,wrong (known)",
        "forward,float32,exact",
        "note,,red: 1 regression",
        'note,,"broken: was exact, is wrong"',
    ]


def test_the_csv_shows_no_run_as_green_in_which_the_engine_failed(
    csv: Callable[[Report], str],
) -> None:
    right = CheckResult("forward", "float32", Verdict.EXACT, 1, None, None)
    unjudged = (Unjudged("jvp", "jvp float32 h1 w1 k1", "IndexError"), Unjudged("audit", "", "no"))
    report = Report("f", {}, 0, Verdict.ROUNDED, 2, 1, (right,), (), unjudged=unjudged)

    assert csv(report).splitlines()[1:] == [
        "forward,float32,exact",
        "note,,the engine itself failed on 1 case and audit",
    ]


def _sources() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    yield from ROOT.glob("[abct]*/**/*.py")


def test_every_file_that_the_map_names_is_there() -> None:
    there = [f"/{path.relative_to(ROOT)}" for path in _sources()]
    named = set(re.findall(r"`([\w/]+\.py)`", MAP))
    missing = [name for name in named if not any(path.endswith(f"/{name}") for path in there)]
    assert named
    assert not missing


# Where a page says which function of a module is meant.
MEANT = (
    r"`(?P<file>[\w/]+\.py)`[^`]*`(?P<name>\w+)` there",
    r"`(?P<name>\w+)`\s+(?:of|in)\s+`(?P<file>[\w/]+\.py)`",
    r"`(?P<name>\w+)`\s+\(`(?P<file>[\w/]+\.py)`\)",
)


def test_every_name_that_the_pages_place_in_a_module_is_defined_there() -> None:
    found = [
        place for text in (MAP, RECIPES) for each in MEANT for place in re.finditer(each, text)
    ]
    gone = [
        place[0]
        for place in found
        if not any(
            re.search(rf"^\s*(?:def |class )?{place['name']}\b", file.read_text("utf-8"), re.M)
            for file in _sources()
            if f"/{file}".endswith(f"/{place['file']}")
        )
    ]
    assert len(found) > len(MEANT)
    assert gone == []


WRONG = """\
from torch.nn.functional import conv2d

def rectified(input, weight):
    return conv2d(input, weight).relu()

def positive(input, weight):
    return conv2d(input, weight) > 0

def summed(input, weight):
    return conv2d(input, weight).sum()

def nothing(input, weight):
    return None
"""


@pytest.mark.slow
def test_the_check_finds_its_fault_and_the_format_is_accepted_by_name_and_suffix(
    project: Path,
) -> None:
    (project / "wrong.py").write_text(WRONG)
    asked = "--dtype float64 --seed 0 --in-process"
    negated, forward = f"--check negated_input {asked}", f"--check forward --cases 20 {asked}"
    right = "verify torch.nn.functional:conv2d"
    done = commands(
        project,
        f"{right} {negated} --output report.csv",
        f"verify wrong.py:rectified {negated}",
        f"{right} {forward} --format csv",
    )
    passed, found, named, _ = re.split(r"^status (?=\d)", done.stdout, flags=re.MULTILINE)
    statuses = re.findall(r"^status (\d)", done.stdout, re.MULTILINE)

    assert statuses == ["0", "1", "0"], done.stdout + done.stderr
    assert "right, bit for bit" in passed
    assert "negated_input" in found
    assert "forward,float64,exact" in named.splitlines()
    suffixed = (project / "report.csv").read_text().splitlines()
    assert "negated_input,float64,exact" in suffixed


@pytest.mark.slow
@pytest.mark.parametrize("odd", ["positive", "summed", "nothing"])
def test_the_check_leaves_what_is_no_answer_to_the_certificate(project: Path, odd: str) -> None:
    (project / "odd.py").write_text(WRONG)
    done = commands(
        project, f"verify odd.py:{odd} --check negated_input --dtype float32 --seed 0 --in-process"
    )
    assert "nothing was checked" in done.stdout, done.stdout + done.stderr
    assert "the engine itself failed" not in done.stdout


def test_the_option_is_in_the_help_and_refuses_what_is_outside_its_range(project: Path) -> None:
    done = commands(project, "verify --help", "verify torch.nn.functional:conv2d --patience 0")
    assert "seconds that taking a failure apart may take" in " ".join(done.stdout.split())
    assert re.findall(r"^status (\d)", done.stdout, re.MULTILINE) == ["0", "2"]
    assert done.stderr.splitlines()[-1].endswith("--patience must be more than 0 seconds, got 0.0")


NEW_DTYPE = """\
import torch
from torch.nn.functional import conv2d
from conv_reference.verification import verify

def right(input, weight, stride=1):
    return conv2d(input.float(), weight.float(), stride=stride).to(input.dtype)

def wrong(input, weight, stride=1):
    return right(input, 2 * weight.float(), stride)

options = {"dtypes": "float8_e5m2", "checks": ["forward"], "cases": 20, "seed": 0}
print([verify(each, **options).is_right for each in (right, wrong)])
"""

NEW_OPERATOR = """\
from torch.nn.functional import conv2d
from conv_reference.verification import verify

def right(input, weight, stride=1, padding=0, dilation=1, groups=1):
    # Copies: torch itself errs in some layouts.
    return conv2d(weight.contiguous(), input.contiguous(), None, stride, padding, dilation, groups)

def wrong(input, weight, stride=1, padding=0, dilation=1, groups=1):
    return right(input, weight.flip(3), stride, padding, dilation, groups)

checks = ["certificate", "double_backward", "jvp", "refusals"]
options = {"operator": "conv2d_kernel_first", "dtypes": "float32", "checks": checks, "seed": 0}
options |= {"cases": 60}
print([verify(each, **options).is_right for each in (right, wrong)])
"""


@pytest.mark.slow
def test_what_is_right_in_a_new_dtype_or_operator_passes_and_what_is_wrong_does_not(
    project: Path,
) -> None:
    (project / "added.py").write_text(NEW_DTYPE + NEW_OPERATOR)
    done = subprocess.run(
        [sys.executable, "added.py"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    of_dtype, of_operator = done.stdout.splitlines() or ("", done.stderr)
    assert of_dtype == "[True, False]"
    assert of_operator == "[True, False]"
