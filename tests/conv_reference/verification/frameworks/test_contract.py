from __future__ import annotations

import re
import shlex
import shutil
import sys
import textwrap
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conv_reference import cli
from conv_reference.verification import Framework, Verdict, verify
from conv_reference.verification.frameworks.contract import OPTIONS

pytestmark = pytest.mark.usefixtures("without_circumstances")

DOCS = Path(__file__).parents[4] / "docs" / "frameworks.md"
ADAPTERS = Path(__file__).parents[4] / "conv_reference" / "adapters"
PAGE = DOCS.read_text(encoding="utf-8")


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the page says, done literally, in a folder with a made-up framework; its command."""
    shutil.copy(Path(__file__).with_name("gridlib.py"), tmp_path)
    recipe: str
    command: str
    recipe, command = re.findall(r"```(?:python|console)\n(.*?)```", PAGE, re.DOTALL)[:2]
    assert len([line for line in recipe.splitlines() if line.strip()]) <= 25
    (tmp_path / "my_gridlib.py").write_text(recipe, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return command


def test_the_recipe_judges_a_made_up_framework(
    followed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, *arguments = shlex.split(followed)
    checks = ["--check", "certificate", "--check", "double_backward"]
    extra = ["--in-process", "--seed", "0", "--dtype", "float64", *checks]
    status = cli.main([*arguments, *extra, "--format", "text"])

    said = capsys.readouterr().out
    assert (status, "gridlib 0.1" in said) == (0, True)
    assert "right, bit for bit" in said
    assert "a gradient of a gradient is not offered" in said
    for name in list(sys.modules):
        if name in {"gridlib", "_target_my_gridlib"}:
            del sys.modules[name]


def test_the_pages_way_with_symbols_compiles_once_for_dtypes_and_ranks() -> None:
    (shown,) = re.findall(r"  ```python\n(.*?)  ```", PAGE, re.DOTALL)
    made: list[Any] = []

    def compiled(symbols: list[Any], answers: list[Any]) -> Any:
        made.append(answers)
        return lambda *arrays: (symbols, [array.shape for array in arrays])

    names: dict[str, Any] = {"cache": cache, "compiled": compiled, "Symbol": lambda *kind: kind}
    exec(textwrap.dedent(shown), names)
    asked = names["jit"](None, lambda x, w: (x,))

    x, w = np.ones((2, 3)), np.ones(4)
    symbols, shapes = asked(x, w)
    assert (symbols, shapes) == ([("float64", 2), ("float64", 1)], [(2, 3), (4,)])
    assert asked(x.T, w)[1] == [(3, 2), (4,)]
    assert made == [[("float64", 2)]]
    asked(x.astype("float32"), w)
    assert made[1:] == [[("float32", 2)]]


def test_the_page_names_what_an_adapter_may_give() -> None:
    given = [name for name in vars(Framework) if not name.startswith("_")]
    lacking = [name for name in given if f"`{name}" not in PAGE and name not in _INTERNAL]
    assert lacking == []


_INTERNAL = {"label", "lacks", "from_dlpack"}


def test_each_adapter_has_its_pins_and_its_extra() -> None:
    adapters = {path.stem for path in ADAPTERS.glob("[!_]*.py")}
    assert {path.stem for path in (ADAPTERS / "pins").glob("*.txt")} == adapters
    project = tomllib.loads((ADAPTERS.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert {*project["project"]["optional-dependencies"]} >= adapters


def test_the_example_of_environments_names_adapters_and_the_environments_of_the_page() -> None:
    written = (ADAPTERS / "environments.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.partition("#")[0].strip() for line in written]
    named = [
        re.fullmatch(r"conv_reference\.adapters\.(\w+):(\w+)=(.*)", line) for line in lines if line
    ]
    modules = {path.stem for path in ADAPTERS.glob("[!_]*.py")} - {"torch"}  # runs where we do
    assert {match[1] for match in named if match is not None} == modules
    for match in named:
        assert match is not None
        module, name, python = match.groups()
        assert f"class {name}(" in (ADAPTERS / f"{module}.py").read_text(encoding="utf-8")
        assert python == f"envs/{module}/bin/python"


class Plain(Framework):
    """numpy, one tap."""

    dtypes = ("float64",)
    options = tuple(option for option in OPTIONS if option == "bias")

    def conv(self, x: Any, w: Any, b: Any, **_: Any) -> Any:
        if w.shape[2:] != (1, 1):
            raise NotImplementedError("one tap only")
        y = (x[:, None] * w[None, :, :]).sum(2)
        return y if b is None else y + b[:, None, None]


def test_what_is_not_offered_is_not_asked_and_what_is_lacking_is_unsupported() -> None:
    report = verify(Plain(), cases=30, checks=["certificate", "jvp"], seed=0, known=None)

    judged = {check.name: check.verdict for check in report.checks}
    assert judged["forward"] == Verdict.EXACT
    assert judged["grad_input"] == judged["jvp"] == Verdict.UNSUPPORTED
    assert {check.dtype for check in report.checks} <= {"float64", "-"}
    notes = [str(note) for note in report.notes]
    assert any("does not offer it: dtypes float32, float16, bfloat16" in note for note in notes)
    assert not any("(--dtype)" in note for note in notes)  # which would not try them either
    assert any("does not offer it: options stride, padding" in note for note in notes)


CASE = "certificate float64 n2 c3 h2 w8 o2 k1"


class ChangesItsInput(Plain):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        y = super().conv(x, w, b, **options)
        x += 1
        return y


def test_an_adapter_that_changes_its_input_is_told() -> None:
    report = verify(ChangesItsInput(), case=f"{CASE} grad=", seed=0)
    assert [(f.check, f.quantity) for f in report.findings] == [("arguments", "X")]


class WrongShape(Plain):
    """dK of a shape that torch would sum up."""

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        (g,) = cotangents
        x, w = f.primals[:2]
        dK = g[:, :, None] * x[:, None, :]
        every = ((g[:, :, None] * w[None]).sum(1), dK.sum((3, 4), keepdims=True), g.sum((0, 2, 3)))
        return tuple(d for d, wanted in zip(every, f.which, strict=False) if wanted)


def test_a_gradient_of_a_wrong_shape_that_torch_sums_is_told() -> None:
    report = verify(WrongShape(), case=CASE, seed=0)
    found = {(f.check, f.quantity, f.verdict) for f in report.findings}
    assert ("shapes", "dK", Verdict.WRONG) in found
