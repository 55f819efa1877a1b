"""The first line of a run: what it says before torch is imported."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.commands.verify import add_arguments, opening
from conv_reference.verification.model.case import dtype_named
from conv_reference.verification.options import DTYPES
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target

ALL = ", ".join(DTYPES)


_NUMBERS = re.compile(r"about [\d,]+")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("", f"about 8,600 cases in {ALL}"),
        (
            "--cases 20",
            "about 640 cases (20 asked for; each pair of sizes, options, layouts and the like, and "
            f"each check in each dtype, has at least one) in {ALL}",
        ),
        (
            "--check forward --dtype float32",
            "about 5,600 cases in float32",
        ),
        ("--check vmap --python python", f"vmap in those of {ALL} that it offers"),
        ("--check vmap --python python --dtype float32", "vmap in float32"),
        ("--check vmap --check jvp --dtype float32", "vmap, jvp in float32"),
        ("--sweep networks --dtype float32", "the sweep networks in float32"),
        ("--geometry 'h1 w1 k1' --dtype float32", "every variation of one geometry in float32"),
    ],
)
def test_the_first_line_promises_no_number_that_is_none(words: str, what: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args([*shlex.split(words)], argparse.Namespace(target="mine:conv"))
    said = opening(arguments)
    # How many there are follows from the checks, of which there may be one more tomorrow.
    expected = f"conv-reference {version('conv-reference')}: mine:conv, {what}"
    assert _NUMBERS.sub("about N", said) == _NUMBERS.sub("about N", expected)


@pytest.mark.parametrize(
    ("source", "offers"),
    [
        ("from conv_reference.verification import (\n    Framework,\n)\n", True),
        ("from conv_reference.adapters.numpy import Numpy\n", True),
        ("from conv_reference.verification import verify\n", False),
        ("from gridlib import Framework\n", False),
        ("this is no Python", False),
        (None, False),
    ],
)
def test_of_an_adapter_no_dtypes_are_promised_that_it_may_not_offer(
    source: str | None, offers: bool, tmp_path: Path
) -> None:
    if source is not None:
        (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    target = argparse.Namespace(target=f"{tmp_path}/mine.py:Mine@input=NHWC")
    said = opening(parser.parse_args([], target))
    assert said.endswith(f" in those of {ALL} that it offers" if offers else f" in {ALL}")


@pytest.mark.parametrize("dtypes", [["float32"], [*DTYPES]])
def test_as_many_cases_are_planned_as_the_first_line_says(dtypes: list[str]) -> None:
    for cases in (20, 1_000):
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        words = [f"--cases={cases}", *(f"--dtype={dtype}" for dtype in dtypes)]
        arguments = parser.parse_args(words, argparse.Namespace(target="mine:conv"))
        (said,) = re.findall(r"about ([\d,]+) cases", opening(arguments))
        wanted = Request(dtypes=tuple(map(dtype_named, dtypes)), seed=1, cases=cases)
        planned = plan(as_target(conv2d), wanted).planned
        assert int(said.replace(",", "")) == pytest.approx(planned, rel=0.15)
