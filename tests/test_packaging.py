"""The wheel and the source distribution: what they hold, and that they work where installed."""

from __future__ import annotations

import json
import os
import random
import re
import struct
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import files
from pathlib import Path

import pytest
from environments import fresh, install, lend_all, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# What the packages read beside their modules, and what others read in them.
DATA = [
    "analytic/py.typed",
    "analytic/locale/he/LC_MESSAGES/analytic.mo",
    "analytic/render/_html/page.html.j2",
    "conv_reference/py.typed",
    "conv_reference/verification/conformance/page.html.j2",
    "conv_reference/verification/known/known.toml",
    "conv_reference/verification/report/schema.json",
    "conv_reference/verification/report/_html/checks.html.j2",
    "conv_reference/verification/report/_html/picture.html.j2",
    "conv_reference/verification/report/_html/report.html.j2",
    "conv_reference/verification/report/_html/script.js",
    "conv_reference/verification/report/_html/style.css",
    "_conv_reference_pytestplugin.py",
]
KERNELS = """\
from torch.nn.functional import conv2d


def right(input, weight):
    return conv2d(input, weight)


def flipped(input, weight):
    return conv2d(input, weight.flip(2, 3))
"""
GEOMETRY = "n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    done = run([sys.executable, "-m", "hatchling", "build", "-d", folder], ROOT)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module", params=["usual", "lowest"])
def installed(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    """The programs of a fresh environment with the wheel, beside each set of versions."""
    folder = tmp_path_factory.mktemp("environment")
    python, site = fresh(folder)
    if request.param == "usual":
        lend_all(site)
        options = ["--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    else:
        lend_torch(site)
        options = ["-c", str(ROOT / "constraints-lowest.txt"), f"{wheel}[chapter,html]"]
    install(ROOT, ["--python", python], options)
    return folder / "bin"


def lend_torch(site: Path) -> None:
    """Torch alone comes from our own environment: it is the same, and unpacking it takes long."""
    ours = Path(sysconfig.get_path("purelib"))
    names = {file.parts[0] for file in files("torch") or () if file.parts[0] != ".."}
    for name in names - {"__pycache__"}:
        (site / name).symlink_to(ours / name)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody's folder, with a right and a wrong convolution."""
    (tmp_path / "kernels.py").write_text(KERNELS)
    return tmp_path


def test_the_wheel_holds_every_module_and_what_they_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    # As git knows them: colleagues' unfinished ones may come and go.
    listed = run(["git", "ls-files", "analytic/*.py", "conv_reference/*.py"], ROOT).stdout.split()
    modules = {name for name in listed if ROOT.joinpath(name).exists()}

    assert modules <= names
    assert set(DATA) <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        *("analytic", "conv_reference", "_conv_reference_pytestplugin.py"),
    }


def test_the_source_distribution_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    has_filters = hasattr(tarfile, "data_filter")
    with tarfile.open(sdist) as archive:
        # Python 3.11 has it from 3.11.4 on.
        if has_filters:
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    done = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], source)
    assert done.returncode == 0, done.stderr

    (again,) = tmp_path.glob("*.whl")
    (wheel,) = built.glob("*.whl")
    assert again.read_bytes() == wheel.read_bytes()


def test_the_command_is_used_from_the_fresh_environment(installed: Path, project: Path) -> None:
    where = run(
        [installed / "python", "-c", "import conv_reference as c; print(c.__file__)"], project
    )
    assert where.stdout.startswith(str(installed.parent))

    once = ["--geometry", GEOMETRY, "--dtype", "float32", "--check", "certificate"]
    command = [installed / "conv-reference", "verify", "kernels.py:flipped", *once]
    wrong = run([*command, "--format", "html"], project)
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("<!DOCTYPE html>")


def test_the_plugin_is_used_from_the_fresh_environment(installed: Path, project: Path) -> None:
    project.joinpath("test_mine.py").write_text(
        "import kernels, pytest, torch\n"
        f"CHOICE = dict(geometry={GEOMETRY!r}, dtypes=[torch.float32], checks=['certificate'])\n"
        "def test_right(assert_correct_conv):\n"
        "    assert_correct_conv(kernels.right, **CHOICE)\n"
        "def test_flipped(assert_correct_conv):\n"
        "    with pytest.raises(AssertionError, match='WRONG: Y'):\n"
        "        assert_correct_conv(kernels.flipped, **CHOICE)\n"
    )
    pytest_ = [installed / "python", "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]

    done = run([*pytest_, "test_mine.py"], project, PYTHONPATH=".")
    assert "2 passed" in done.stdout, done.stdout
    listed = run(
        [*pytest_, "--collect-only", "-q", "--conv", "kernels.py:right", "--conv-dtype", "float32",
         "--pyargs", "conv_reference.verification.suite"],
        project,
    )  # fmt: skip
    assert "test_check[forward-float32-cpu]" in listed.stdout, listed.stdout + listed.stderr


def test_every_check_runs_in_the_fresh_environment(installed: Path, project: Path) -> None:
    target = "conv_reference.functional:conv2d"
    options = ["--dtype", "float32", "--budget", "0.2", "--seed", "3", "--format", "json"]
    done = run([installed / "conv-reference", "verify", target, *options, "--quiet"], project)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["verdict"] == "exact"


def test_the_chapter_is_used_from_the_fresh_environment(installed: Path, project: Path) -> None:
    pixels = random.Random(3).randbytes(64 * 28 * 28)
    project.joinpath("train-images-idx3-ubyte").write_bytes(
        struct.pack(">4i", 0x803, 64, 28, 28) + pixels
    )
    done = run([installed / "conv-reference", "chapter", "--data", ".", "--output", "."], project)

    # The oldest rich leaves an empty line where its bar was, even in a pipe.
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert project.joinpath("edge-detector.png").read_bytes().startswith(b"\x89PNG")


FORMS = ["text", "latex", "markdown", "html", "json", "notebook", "numpy", "torch"]
# As `python -m analytic` runs, one form after another.
EACH_FORM = f"""\
import runpy, sys
for form in {FORMS}:
    sys.argv[1:] = ["--format", form]
    try:
        runpy.run_module("analytic", run_name="__main__")
    except SystemExit as error:
        print("\\n" + form, error.code)
"""


@pytest.fixture(scope="module")
def derived() -> str:
    """The derivation in each form, as our own environment prints it."""
    return run([sys.executable, "-c", EACH_FORM], ROOT).stdout


def test_the_derivation_is_used_from_the_fresh_environment(
    installed: Path, project: Path, derived: str
) -> None:
    done = run([installed / "python", "-c", EACH_FORM], project)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == derived
    assert re.findall(r"^(\w+) 0$", derived, re.MULTILINE) == FORMS


def test_the_derivation_needs_no_newer_sympy_than_is_asked_for(project: Path) -> None:
    """The newest torch wants a newer one; the derivation knows no torch."""
    asked = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lowest = re.findall(r'"sympy>=([\d.]+)"', asked)[0]
    install(ROOT, [], ["--no-deps", "--target", project / "old", f"sympy=={lowest}"])
    old = os.pathsep.join([str(project / "old"), str(ROOT)])

    version = [sys.executable, "-c", "import sympy; print(sympy.__version__)"]
    assert run(version, project, PYTHONPATH=old).stdout.startswith(lowest)
    derive = [sys.executable, "-m", "analytic"]
    done = run(derive, project, PYTHONPATH=old)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run(derive, ROOT).stdout
