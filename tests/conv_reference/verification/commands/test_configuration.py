from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from conv_reference.cli import main
from conv_reference.verification import options
from conv_reference.verification.commands.configuration import (
    Configuration,
    ConfigurationError,
    read,
    targets_of,
)
from conv_reference.verification.commands.verify import add_arguments

PLAIN = "certificate float32 n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"
WHOLE = """
[tool.conv-reference]
targets = ["a.py:f", "b.py:f"]
dtype = ["float32"]
budget = 2
strict = true
output = ["{target}.html"]

[tool.conv-reference.target."b.py:f"]
where = "sh == 1"
baseline = "b.json"
budget = 3.5
"""


def of(tmp_path: Path, text: str) -> Configuration:
    path = tmp_path / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def given(
    configuration: Configuration, words: str = "", target: str = "b.py:f"
) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return configuration.given(parser.parse_args(shlex.split(words)), target)


def test_the_file_says_what_the_command_line_does_not(tmp_path: Path) -> None:
    configuration = of(tmp_path, WHOLE)
    one, other = (given(configuration, target=name) for name in configuration.targets)

    assert (one.dtype, one.budget, one.strict, one.output) == (
        ["float32"],
        2.0,
        True,
        [Path("{target}.html")],
    )
    assert (one.where, one.baseline) == (None, None)
    assert (other.where, other.baseline, other.budget) == ("sh == 1", Path("b.json"), 3.5)


def test_the_example_of_the_docs_is_accepted(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "gate.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    configuration = of(tmp_path, text)

    assert len(configuration.targets) == 2
    assert given(configuration, target=configuration.targets[1]).where == "sh == sw == 1"


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    arguments = given(of(tmp_path, WHOLE), "--dtype float64 --budget 9 --where 'sw == 1'")

    assert (arguments.dtype, arguments.budget, arguments.where) == (["float64"], 9.0, "sw == 1")


@pytest.mark.parametrize("words", [f"--case '{PLAIN}'", "--geometry 'h1 w1 k1'"])
def test_of_one_case_or_geometry_what_is_said_of_whole_runs_means_nothing(
    words: str, tmp_path: Path
) -> None:
    arguments = given(of(tmp_path, WHOLE), words)

    assert (arguments.baseline, arguments.budget) == (None, None)
    assert arguments.strict
    assert (arguments.dtype is None) is words.startswith("--case")


def test_where_there_is_no_file_or_no_table_nothing_is_said(tmp_path: Path) -> None:
    assert read(tmp_path / "pyproject.toml") == Configuration()
    assert of(tmp_path, "[project]\nname = 'x'\n") == Configuration()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dtypes = ['float32']", "a key that nobody reads, 'dtypes'; did you mean dtype?"),
        ("zzz = 1", "a key that nobody reads, 'zzz'; accepted are operator, as, where, source,"),
        ("dtype = 'float32'", "dtype: accepted is a list, got 'float32'"),
        ("dtype = ['float8']", f"dtype must be one of {', '.join(options.DTYPES)}, got"),
        ("budget = '2 s'", "budget: accepted is a number, got '2 s'"),
        ("budget = -1", "budget must be finite and more than 0 seconds, got -1"),
        ("workers = 1.5", "workers: accepted is a whole number, got 1.5"),
        ("workers = true", "workers: accepted is a whole number, got True"),
        ("strict = 1", "strict: accepted is true or false, got 1"),
        ("where = 3", "where: accepted is a text, got 3"),
        ("check = ['forwards']", "forwards"),
        ("case = 'x'", "case: this is for one run; give it as --case"),
        ("targets = 'a.py:f'", "targets: accepted is a list, got 'a.py:f'"),
        ("targets = [1]", "targets: accepted is a list of texts, got 1 in it"),
        ("targets = ['a.py:f', 'a.py:f']", "targets: 'a.py:f' stands there twice"),
        ("targets = ['a', 'b']\nbaseline = 'x'", "a baseline is of one target"),
        ("[tool.conv-reference.target.'c.py:f']", "is none of its targets; accepted: none"),
        ("[tool.conv-reference", "pyproject.toml: "),
    ],
)  # fmt: skip
def test_what_is_not_accepted_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        of(tmp_path, f"[tool.conv-reference]\n{text}\n")

    message = str(caught.value)
    assert said in message
    assert "pyproject.toml" in message
    assert len(message.splitlines()) == 1


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="accepted is a table, got 3"):
        of(tmp_path, "[tool]\nconv-reference = 3\n")


def test_targets_of_the_command_line_go_before_those_of_the_file() -> None:
    configuration = Configuration(targets=("a.py:f",))

    assert targets_of(["b.py:f"], configuration) == ("b.py:f",)
    assert targets_of([], configuration) == ("a.py:f",)
    with pytest.raises(ValueError, match="no TARGET is given, and pyproject.toml has no targets"):
        targets_of([], Configuration())
    with pytest.raises(ValueError, match="TARGET 'a' is given twice"):
        targets_of(["a", "a"], configuration)


def test_the_switches_of_a_project_may_stand_in_the_file(tmp_path: Path) -> None:
    of_one_run = {"watch", "update-baseline", "accept-regressions", "no-config"}
    switches = [o for o in options.OPTIONS if o.kind is None and o.flag not in of_one_run]
    text = "".join(f"{option.flag} = true\n" for option in switches)
    arguments = given(of(tmp_path, f"[tool.conv-reference]\n{text}"))

    assert len(switches) >= 5
    assert all(getattr(arguments, option.attribute) is True for option in switches)


def test_the_command_reads_the_file_and_leaves_it_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.conv-reference]\ntargets = ["torch.nn.functional:conv2d"]\nquiet = true\n'
    )

    assert main(["verify", "--case", PLAIN, "--in-process"]) == 0
    assert capsys.readouterr().out == (
        "torch.nn.functional:conv2d: right, bit for bit, in float32, on 1 case; exit status 0\n"
    )
    assert main(["verify", "--case", PLAIN, "--in-process", "--no-config"]) == 2
    assert "no TARGET is given" in capsys.readouterr().err


def test_a_file_that_is_nested_too_deeply_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pyproject.toml: nested too deeply$"):
        of(tmp_path, "a = " + "[" * 100_000)
