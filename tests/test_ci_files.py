"""The files to copy, read by their own formats, and their commands run in a made-up repository."""

from __future__ import annotations

import configparser
import os
import re
import runpy
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CI = ROOT / "docs" / "ci"

# Our own oracle in place of a library's: what fresh cases find in a library is not the point here.
RIGHT = """\
from conv_reference.functional import conv2d
"""
BROKEN = """\
import torch
from conv_reference.functional import conv2d as reference


class Rolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight):
        return weight.clone()

    @staticmethod
    def backward(ctx, dK):
        return dK.roll(1, 0)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if groups > 1:
        weight = Rolled.apply(weight)
    return reference(input, weight, bias, stride, padding, dilation, groups)
"""
IMPRECISE = """\
import torch
from conv_reference.functional import conv2d as reference


def ten_bits(tensor):
    kept = tensor.detach().contiguous().view(torch.int32) & ~0x1FFF
    return tensor + (kept.view(torch.float32) - tensor).detach()


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return reference(ten_bits(input), ten_bits(weight), bias, stride, padding, dilation, groups)
"""
# The command without its clock: on a machine that is busy, a cut run is red and rightly so. And
# without what lies around a finding, which is half of the time and nowhere looked at here.
SHIM = f"""\
#!{sys.executable}
import sys
from conv_reference.cli import main
from conv_reference.verification.diagnosis.findings import Diagnosis
from conv_reference.verification.options import clock
clock.OVERRUN = 1e6
Diagnosis._common = lambda *_, **__: ""
if __name__ == "__main__":
    sys.exit(main())
"""
# Few cases: the baseline remembers them, and the gate's own command asks for no others.
FEW = "--dtype float32 --budget 0.05 --check certificate --where 'h <= 4 and w <= 4'"


@dataclass(frozen=True)
class Repository:
    """Somebody's repository, with a kernel and a baseline."""

    folder: Path

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script as CI does: every line must succeed."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        summary = str(self.folder / "summary.md")
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.folder,
            env=os.environ
            | {"PATH": path, "GITHUB_STEP_SUMMARY": summary, "GITHUB_ACTIONS": "true"}
            | {"PRE_COMMIT_HOME": str(self.folder / "hooks"), "VIRTUALENV_NO_PERIODIC_UPDATE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    def commit(self, kernel: str) -> None:
        """Put another kernel in place."""
        (self.folder / "my_kernels.py").write_text(kernel)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What held while the kernel was right."""
    repository = Repository(tmp_path_factory.mktemp("right"))
    prepare(repository)
    made = repository.sh(
        f"conv-reference verify my_kernels:conv2d --baseline b.json --update-baseline {FEW}"
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return (repository.folder / "b.json").read_text()


@pytest.fixture
def repository(baseline: str, tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    prepare(made)
    (tmp_path / "conv-baseline.json").write_text(baseline)
    return made


def prepare(repository: Repository) -> None:
    repository.commit(RIGHT)
    command = repository.folder / "bin" / "conv-reference"
    command.parent.mkdir()
    command.write_text(SHIM)
    command.chmod(0o755)


def github_steps() -> dict[str, str]:
    workflow = yaml.safe_load((CI / "github-actions.yml").read_text())
    (job,) = workflow["jobs"].values()
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


def tox_command() -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(CI / "tox.ini")
    command = parser["testenv:convolution"]["commands"].strip()
    return re.sub(r"\{posargs:(.*?)\}", r"\1", command)


def pre_commit_hook() -> dict[str, Any]:
    (repo,) = yaml.safe_load((CI / "pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repo["hooks"]
    assert repo["repo"] == "local"  # the project has no public address
    assert isinstance(hook, dict)
    return hook


def pre_commit_command() -> str:
    hook = pre_commit_hook()
    assert not hook["pass_filenames"]  # else they would be taken for targets
    return " ".join([hook["entry"], *hook["args"]])


def nox_command(monkeypatch: pytest.MonkeyPatch) -> str:
    """What the session runs, listed by a session that runs nothing."""
    fake: Any = types.ModuleType("nox")
    fake.session, fake.Session = (lambda function: function), object
    monkeypatch.setitem(sys.modules, "nox", fake)
    monkeypatch.delenv("CONV_REFERENCE", raising=False)
    ran: list[str] = []

    class Session:
        posargs: tuple[str, ...] = ()

        def install(self, *packages: str) -> None:
            assert packages == ("../conv-reference", ".")

        def run(self, *words: str) -> None:
            ran.append(" ".join(words))

    runpy.run_path(str(CI / "noxfile.py"))["convolution"](Session())
    (command,) = ran
    return command


@pytest.mark.slow
def test_the_workflow_is_green_on_the_right_kernel_and_writes_its_summary(
    repository: Repository,
) -> None:
    steps = github_steps()
    gate = repository.sh(steps["Gate"])
    assert gate.returncode == 0, gate.stdout + gate.stderr

    assert repository.sh(steps["Summary"]).returncode == 0
    summary = (repository.folder / "summary.md").read_text()
    assert summary.startswith("### ✅ `my_kernels:conv2d`: green: ")


@pytest.mark.slow
def test_a_gradient_broken_for_groups_turns_the_workflow_red_and_is_named(
    repository: Repository,
) -> None:
    repository.commit(BROKEN)
    steps = github_steps()
    gate = repository.sh(steps["Gate"])
    assert gate.returncode == 1, gate.stdout + gate.stderr

    assert gate.stdout.startswith("::error title=wrong%3A dK[")
    repository.sh(steps["Summary"])
    summary = (repository.folder / "summary.md").read_text()
    assert "BROKEN: 1 regression against the baseline" in summary
    assert "grad_weight in float32 on cpu: was exact, is wrong" in summary
    assert re.search(r"WRONG.*dK\[.* g2", summary)


def test_the_same_command_in_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    words = set(tox_command().split())

    assert set(pre_commit_command().split()) == words
    assert set(nox_command(monkeypatch).split()) == words
    assert words < set(github_steps()["Gate"].split())


def test_the_local_hook_is_the_one_that_the_project_offers() -> None:
    (offered,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    own = {"args", "files", "language"}  # a local one runs where the target is installed

    local = {key: value for key, value in pre_commit_hook().items() if key not in own}
    assert local == {k: v for k, v in offered.items() if k not in own | {"description"}}


def prepare_git(repository: Repository) -> None:
    made = repository.sh("git init -q . && git add my_kernels.py conv-baseline.json")
    assert made.returncode == 0, made.stderr


#: Each tool on its file, with the environment in which the test runs in place of one of its own:
#: that would need torch from an index.
TOOLS = {
    "pre_commit": (
        "pre-commit-config.yaml",
        ".pre-commit-config.yaml",
        "run --all-files --hook-stage manual --verbose",
    ),
    "tox": (
        "tox.ini",
        "tox.ini",
        "run -x testenv:convolution.skip_install=true -x testenv:convolution.deps= "
        "-x testenv:convolution.allowlist_externals=conv-reference",
    ),
    "nox": ("noxfile.py", "noxfile.py", "--no-venv --no-install"),
}


def by_tool(repository: Repository, tool: str) -> str:
    """The command that runs the tool on its file, copied into the repository."""
    pytest.importorskip(tool)
    source, copy, words = TOOLS[tool]
    (repository.folder / copy).write_text((CI / source).read_text())
    prepare_git(repository)
    return f"{sys.executable} -m {tool} {words}"


@pytest.mark.slow
def test_ten_bits_turn_the_gate_red_in_the_environment_of_a_tool(repository: Repository) -> None:
    """Of tox, which hands on the fewest variables."""
    command = by_tool(repository, "tox")
    repository.commit(IMPRECISE)
    gate = repository.sh(command)

    assert gate.returncode == 1
    assert "forward in float32 on cpu: was exact, is wrong" in gate.stdout


# What the gate itself says of a kernel is shown above, on the same words.
STAND_IN = """\
#!/bin/sh
echo "$@" >asked
cat said
exit "$(cat status)"
"""


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_the_tool_itself_is_green_then_red_as_the_command_is(
    repository: Repository, tool: str
) -> None:
    command, folder = by_tool(repository, tool), repository.folder
    (folder / "bin" / "conv-reference").write_text(STAND_IN)

    for said, status in (("green", 0), ("BROKEN", 1)):
        (folder / "said").write_text(said)
        (folder / "status").write_text(str(status))
        done = repository.sh(command)
        assert (done.returncode != 0) == bool(status), done.stdout + done.stderr
        assert said in done.stdout + done.stderr
        asked = (folder / "asked").read_text().split()
        assert ["conv-reference", *asked] == tox_command().split()
        (folder / "asked").unlink()


def test_the_workflow_names_its_actions_by_version_and_may_only_read() -> None:
    workflow = yaml.safe_load((CI / "github-actions.yml").read_text())
    (job,) = workflow["jobs"].values()

    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)
    assert workflow["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 30


def test_the_page_links_to_files_that_are_there() -> None:
    page = (ROOT / "docs" / "gate.md").read_text()

    links = re.findall(r"\]\(([^)#]+)\)", page)
    assert len(links) == 4
    assert all((ROOT / "docs" / link).is_file() for link in links)


def test_the_page_names_only_options_that_there_are() -> None:
    page = (ROOT / "docs" / "gate.md").read_text()
    command = [sys.executable, "-m", "pytest", "--help"]
    known = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CI).stdout
    command = [sys.executable, "-c", "from conv_reference.cli import main; main(['verify', '-h'])"]
    known += subprocess.run(command, capture_output=True, text=True, check=True).stdout

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page))
    assert {option for option in named if option not in known} <= {"--junitxml"}
