"""The arrows of the design: rooms import only downwards, and the derivation stands alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from conv_reference import quantities
from conv_reference.quantities import Operator
from conv_reference.verification.reading import catalogue

ROOT = Path(__file__).parents[1]


def test_rooms_import_only_in_the_direction_of_the_design() -> None:
    linter = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
    ]
    done = subprocess.run(linter, capture_output=True, text=True, check=False)

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    number = len(contracts["contracts"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {number} kept, 0 broken." in done.stdout


def test_the_derivation_loads_no_torch_and_nothing_of_the_reference() -> None:
    program = (
        "import sys, analytic; "
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'conv_reference')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


GETTEXT = {"_", "_n"}  # names that its tools look for


def imported(path: Path) -> Iterator[str]:
    """What a file imports of ours, by dotted names: modules, and what it takes out of them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def room_of_private(name: str) -> str | None:
    """The package or module whose own a name is; None where no part of it is private."""
    parts = name.split(".")
    private = (i for i, part in enumerate(parts) if part.startswith("_") and part not in GETTEXT)
    first = next(private, None)
    return None if first is None else ".".join(parts[:first])


@pytest.mark.parametrize("folder", ["conv_reference", "analytic", "benchmarks"])
def test_nothing_private_is_imported_from_outside_its_room(folder: str) -> None:
    crossings = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in {"conv_reference", "analytic"}
        and (room := room_of_private(name)) is not None
        and not ".".join(path.relative_to(ROOT).with_suffix("").parts).startswith(f"{room}.")
    ]
    assert crossings == []


def is_module(name: str) -> bool:
    """Whether a dotted name is that of a module or a package."""
    place = ROOT.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").exists()


def reached_into(path: Path) -> Iterator[str]:
    """The private names of our modules that a file imports, or takes out of one it has imported."""
    ours = [n for n in imported(path) if n.split(".")[0] in {"conv_reference", "analytic"}]
    for name in ours:
        last = name.rpartition(".")[2]
        if room_of_private(last) is not None and not (last.startswith("__") or is_module(name)):
            yield name
    modules = {name.split(".")[-1] for name in ours if is_module(name)}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            if private and node.value.id in modules:
                yield f"{node.value.id}.{node.attr}"


def test_tests_use_what_is_public() -> None:
    """A module may be its room's own; it is tested at its own place, by its public names."""
    crossings = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for name in reached_into(path)
    ]
    assert crossings == []


UNMEASURED = {"adapters"}  # of frameworks that are not installed here


def test_the_coverage_of_each_room_is_measured_in_ci_or_on_request() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lists = re.findall(r"^(ROOMS|DEAR|REST) [:+]= (.*)$", makefile, re.MULTILINE)
    measured = [room for _, rooms in lists for room in rooms.split()]
    folders = [
        *(ROOT / "conv_reference").iterdir(),
        *(ROOT / "conv_reference/verification").iterdir(),
    ]
    rooms = {folder.name for folder in folders if (folder / "__init__.py").exists()}
    outside = {"analytic", "reference", "edges"}  # and the modules that stand in no folder

    assert sorted(measured) == sorted((rooms | outside) - UNMEASURED - {"verification"})


WALL = 400  # lines


@pytest.mark.parametrize("folder", ["conv_reference", "analytic", "benchmarks", "tests"])
def test_a_module_is_short_enough_to_be_read_at_once(folder: str) -> None:
    modules = [*(ROOT / folder).rglob("*.py")]
    long = [path.name for path in modules if len(path.read_text("utf-8").splitlines()) > WALL]

    assert modules
    assert long == []


def test_calls_are_checked_wherever_shapes_are_annotated() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    names = next(o for o in options["addopts"] if o.startswith("--jaxtyping-packages="))
    *checked, _ = names.partition("=")[2].split(",")
    annotated = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "conv_reference").rglob("*.py")
        if "from jaxtyping import" in path.read_text()
    }
    assert annotated
    unchecked = {n for n in annotated if not any(f"{n}.".startswith(f"{c}.") for c in checked)}
    assert unchecked == set()


NAMING_CHECKS = {
    "diagnosis/explaining/mode_snippet.py",
    "diagnosis/grouping/faults.py",
    "diagnosis/grouping/follows.py",
    "diagnosis/grouping/kept_state.py",
    "known/faces.py",
}
# Names of checks and rows that are words of torch's, of options or of other things as well.
WORDS = frozenset(
    {
        *("audit", "autocast", "certificate", "depthwise", "forward", "jvp", "large"),
        *("memory", "precision", "requires_grad", "threads", "vmap"),
    }
)


def test_a_check_is_named_outside_its_room_only_where_the_map_says_so() -> None:
    verification = ROOT / "conv_reference" / "verification"
    rows = catalogue.entries()
    names = {name for entry in rows for name in (entry.name, entry.check)} - WORDS
    naming = {
        path.relative_to(verification).as_posix()
        for path in verification.rglob("*.py")
        if path.relative_to(verification).parts[0] not in {"checks", "faults"}
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert naming == NAMING_CHECKS


OPERATORS = {name for name, value in vars(quantities).items() if isinstance(value, Operator)}


def compared(path: Path) -> Iterator[str]:
    """The operators that a file compares something with, by their names in ``quantities``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            for each in ast.walk(node):
                if isinstance(each, ast.Name) and each.id in OPERATORS:
                    yield f"{path.relative_to(ROOT)}: {ast.unparse(node)}"


def test_what_is_special_about_an_operator_is_a_field_of_it() -> None:
    """So another one is added in the table alone: nobody asks which of them it has in hand."""
    asking = [each for path in (ROOT / "conv_reference").rglob("*.py") for each in compared(path)]

    assert "CONV2D" in OPERATORS
    assert asking == []


# What is tested of several modules together, and of pages: `test_light` runs shipped adapters.
ACROSS = {
    "analytic/test_agreement.py",
    "analytic/test_independence.py",
    "conv_reference/chapter/test_hebrew_readme.py",
    "conv_reference/chapter/test_isolation.py",
    "conv_reference/test_top_level.py",
    "conv_reference/verification/checks/test_dishonest.py",
    "conv_reference/verification/frameworks/test_light.py",
    "conv_reference/verification/report/test_formats.py",
    "conv_reference/verification/report/test_permissive.py",
    "conv_reference/verification/target/strangers/test_kernels.py",
    "conv_reference/verification/test_operators.py",
    "conv_reference/verification/test_power.py",
    "conv_reference/verification/test_repeatable.py",
    "conv_reference/verification/test_unusual.py",
    "conv_reference/verification/work/test_killed.py",
}


def is_of_a_module(test: Path) -> bool:
    """Whether a module, or a room, stands where the test does, whose name its name begins with."""
    words = test.stem.split("_")[1:]
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    return any(
        (ROOT / test.parent / f"{name}.py").exists() or (ROOT / test.parent / room).is_dir()
        for room in names
        for name in (room, f"_{room}")
    ) or words == [test.parent.name]


def test_a_test_stands_where_what_it_tests_does() -> None:
    """``room/test_module.py``, or ``room/test_module_aspect.py``, of ``room/module.py``."""
    tests = [
        path.relative_to(ROOT / "tests")
        for room in ("analytic", "conv_reference")
        for path in (ROOT / "tests" / room).rglob("test_*.py")
    ]
    assert {test.as_posix() for test in tests if not is_of_a_module(test)} == ACROSS
