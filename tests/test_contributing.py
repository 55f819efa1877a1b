"""The maintainer's recipes, followed to the letter in a copy of the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n# (.*?)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with everything that the page adds."""
    folder = tmp_path_factory.mktemp("project")
    ignored = ignore_patterns("__pycache__")
    for package in ("conv_reference", "analytic"):
        copytree(ROOT / package, folder / package, ignore=ignored)
    for place, code in BLOCKS:
        path = folder / place.removeprefix("at the end of ")
        assert path.exists() == place.startswith("at the end of "), place
        with path.open("a", encoding="utf-8") as file:
            file.write(code)
    return folder


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from conv_reference.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_has_a_recipe_for_a_check_a_format_and_an_option() -> None:
    assert [place.split("/")[-1] for place, _ in BLOCKS] == [
        "negated.py",
        "csv.py",
        "judged.py",
    ]


def test_every_room_is_on_the_map() -> None:
    named = set(re.findall(r"`(?:[\w/]+/)?(\w+)(?:/|\.py)`", PAGE))
    for folder in ("conv_reference", "conv_reference/verification", "analytic"):
        there = {
            path.stem
            for path in (ROOT / folder).iterdir()
            if (path.is_dir() or path.suffix == ".py") and not path.name.startswith(("_", "."))
        }
        assert there - named - {"verification"} == set(), folder


WRONG = """\
from torch.nn.functional import conv2d

def rectified(input, weight):
    return conv2d(input, weight).relu()
"""


def test_the_check_finds_its_fault_and_passes_what_is_right(project: Path) -> None:
    asked = ("--check", "negated_input", "--dtype", "float64", "--seed", "0", "--in-process")
    right = command(project, "verify", "torch.nn.functional:conv2d", *asked)
    assert right.returncode == 0, right.stdout + right.stderr
    (project / "wrong.py").write_text(WRONG)
    wrong = command(project, "verify", "wrong.py:rectified", *asked)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "negated_input" in wrong.stdout


def test_the_format_is_accepted_by_its_name_and_its_suffix(project: Path) -> None:
    asked = ("--check", "forward", "--dtype", "float64", "--cases", "20", "--in-process")
    target = "torch.nn.functional:conv2d"
    named = command(project, "verify", target, *asked, "--format", "csv")
    assert "forward,float64,exact" in named.stdout.splitlines()
    command(project, "verify", target, *asked, "--output", "report.csv")
    assert "forward,float64,exact" in (project / "report.csv").read_text().splitlines()


def test_the_option_is_in_the_help_and_refuses_what_is_outside_its_range(project: Path) -> None:
    shown = command(project, "verify", "--help")
    assert "seconds that taking a failure apart may take" in " ".join(shown.stdout.split())
    refused = command(project, "verify", "torch.nn.functional:conv2d", "--patience", "0")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].endswith(
        "--patience must be more than 0 seconds, got 0.0"
    )
