"""The wheel and the source distribution: what they hold, and that they work where installed."""

from __future__ import annotations

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
from environments import fresh, install, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# What the packages read beside their modules, and what others read in them.
DATA = [
    "analytic/py.typed",
    "analytic/locale/he/LC_MESSAGES/analytic.mo",
    "analytic/render/_html/page.html.j2",
    "analytic/render/_html/try.css",
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


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel, beside the lowest versions.

    The newest ones are those of our own environment, with which all other tests run.
    """
    folder = tmp_path_factory.mktemp("environment")
    python, site = fresh(folder)
    lend_torch(site)
    lowest = ["-c", ROOT / "constraints-lowest.txt", f"{wheel}[chapter,html]"]
    install(ROOT, ["--python", python], lowest)
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


def test_every_check_runs_in_the_fresh_environment(installed: Path, project: Path) -> None:
    where = run(
        [installed / "python", "-c", "import conv_reference as c; print(c.__file__)"], project
    )
    assert where.stdout.startswith(str(installed.parent))

    target = "conv_reference.functional:conv2d"
    options = ["--dtype", "float32", "--budget", "0.2", "--seed", "3", "--output", "page.html"]
    done = run([installed / "conv-reference", "verify", target, *options, "--quiet"], project)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{target}: right, bit for bit over integers, in float32, on ")
    assert (project / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


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
    plugins = ["-p", "no:randomly", "-p", "no:cacheprovider"]
    suite = ["--conv-check", "forward", "--conv-cases", "20", "--conv-in-process"]
    done = run(
        [installed / "python", "-m", "pytest", "-v", *plugins, "test_mine.py",
         "--conv", "kernels.py:right", "--conv-dtype", "float32", *suite,
         "--pyargs", "conv_reference.verification.suite"],
        project,
        PYTHONPATH=".",
    )  # fmt: skip
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert "test_check[forward-float32-cpu] PASSED" in done.stdout


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


def test_the_derivation_is_used_from_the_fresh_environment_by_the_oldest_sympy(
    installed: Path, project: Path
) -> None:
    """Torch wants a newer sympy than is asked for; the derivation knows no torch."""
    asked = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lowest = re.findall(r'"sympy>=([\d.]+)"', asked)[0]
    install(ROOT, [], ["--no-deps", "--target", project / "old", f"sympy=={lowest}"])

    told = "import analytic, sympy; print(sympy.__version__, analytic.__file__)\n"
    done = run([installed / "python", "-c", told + EACH_FORM], project, PYTHONPATH="old")
    version, _, derivations = done.stdout.partition(" ")
    where, _, derivations = derivations.partition("\n")
    ours = run([sys.executable, "-c", EACH_FORM], ROOT).stdout

    assert (done.returncode, done.stderr) == (0, "")
    assert version.startswith(lowest)
    assert where.startswith(str(installed.parent))
    assert derivations == ours
    assert re.findall(r"^(\w+) 0$", ours, re.MULTILINE) == FORMS
