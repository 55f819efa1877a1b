from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import faulty
import pytest
from torch import nn

from conv_reference.verification.case import Case
from conv_reference.verification.conventions import as_target
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.judge import Judgement
from conv_reference.verification.loading import load_target
from conv_reference.verification.result import Verdict
from conv_reference.verification.snippet import snippet

SETTINGS = Settings(seed=3, device="cpu")
MINE = """\
import torch

def stretched(input, weight, stride=1, bias=None):
    Y = torch.nn.functional.conv2d(input, weight, bias, stride)
    return 3 * Y
"""
SNIPPETS = {
    "Y": ("faulty:flipped_kernel", "h1 w3 k1x2 grad= values=counting", "Y"),
    "dX": ("faulty:flipped_kernel", "h2 w3 k1x2 nobias grad=X", "dX"),
    "dK in float16": ("faulty:twice", "c2 h6 w6 o2 k3 p1 s2x1", "dK"),
    "db of ones": ("faulty:negative", "n2 h1 w1 o2 k1 grad=b values=ones", "db"),
    "a file's own options": ("mine.py:stretched", "h4 w4 k2 s2 values=heavy_input", "Y"),
    "a layout, through verify": ("faulty:negative", "h2 w2 k1 X=strided nobias grad=", "Y"),
}


def made(name: str, folder: Path) -> tuple[str, Judgement]:
    target, words, quantity = SNIPPETS[name]
    dtype = "float16" if "float16" in name else "float32"
    if target.startswith("mine"):
        target = f"{folder}/{target}"
    loaded = load_target(target)
    case = Case.parse(f"certificate {dtype} {words}")
    wrong = [
        judgement
        for judgement in judge_case(loaded, case, SETTINGS)
        if judgement.quantity == quantity and judgement.verdict == Verdict.WRONG
    ]
    return snippet(loaded, case, wrong[0], SETTINGS), wrong[0]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Judgement, str]]:
    """What each snippet prints, run in one fresh process that has the targets' folder alone."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.py").write_text(MINE)
    snippets = {name: made(name, folder) for name in SNIPPETS}
    program = (
        "import contextlib, io, json, sys\n"
        "found = {}\n"
        "for name, text in json.load(sys.stdin).items():\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        exec(text, {})\n"
        "    found[name] = out.getvalue()\n"
        "print(json.dumps(found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({name: text for name, (text, _) in snippets.items()}),
        cwd=Path(faulty.__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    return {name: (*snippets[name], outputs[name]) for name in SNIPPETS}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_shows_the_wrong_value(
    name: str, printed: dict[str, tuple[str, Judgement, str]]
) -> None:
    text, judgement, output = printed[name]
    assert len(text.splitlines()) < 10
    if "verify" in name:
        assert "should be K[0,0]·X[0,0]\n  is        -K[0,0]·X[0,0]" in output
        return
    value = output.strip().removeprefix("tensor(").split(",")[0].split(")")[0]
    assert float(value) == float(judgement.actual)
    assert float(value) != float(judgement.expected)


@pytest.mark.parametrize("name", [name for name in SNIPPETS if "verify" not in name])
def test_a_snippet_of_a_plain_call_needs_torch_and_the_target_alone(
    name: str, printed: dict[str, tuple[str, Judgement, str]]
) -> None:
    text, judgement, _ = printed[name]
    assert "conv_reference" not in text
    assert text.endswith(f"  # should be {judgement.expected}, is {judgement.actual}")


@pytest.mark.parametrize("verdict", [Verdict.RAISED, Verdict.CRASHED])
def test_where_the_call_does_not_come_back_its_last_line_is_never_reached(
    verdict: Verdict,
) -> None:
    case = Case.parse("certificate float32 h1 w1 k1 nobias grad=")
    judgement = Judgement("forward", "Y", verdict, actual="killed by SIGABRT")
    text = snippet(load_target("torch.nn.functional:conv2d"), case, judgement, SETTINGS)
    assert text.endswith("print(Y)  # never reached: killed by SIGABRT")


def test_what_cannot_be_imported_or_is_a_layer_is_shown_through_verify() -> None:
    case = Case.parse("certificate float32 h1 w1 k1")
    judgement = Judgement("forward", "Y", Verdict.WRONG)
    layer = snippet(as_target(nn.Conv2d), case, judgement, SETTINGS)
    mine = snippet(as_target(lambda input, weight: input), case, judgement, SETTINGS)

    assert "target = load_target('torch.nn.modules.conv:Conv2d')" in layer
    assert mine.splitlines() == [
        "from conv_reference.verification import verify",
        "my_conv = ...  # what was given to verify",
        f'report = verify(my_conv, case="{case}", seed=3)',
        "print(report.findings[0].explanation)",
    ]


def test_the_snippet_of_a_lambda_runs_once_the_lambda_is_put_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    negative = lambda input, weight: -nn.functional.conv2d(input, weight)  # noqa: E731 (its name is no Python)
    case = Case.parse("certificate float32 h1 w1 k1 nobias grad=")
    shown = snippet(as_target(negative), case, Judgement("forward", "Y", Verdict.WRONG), SETTINGS)

    exec(shown.replace("= ...", "= negative"), {"negative": negative})

    assert "should be K[0,0]·X[0,0]" in capsys.readouterr().out
