"""What the options ask for arrives: sizes, letters, numbers, an answer to try, a function."""

from __future__ import annotations

import json

import pytest

from analytic.command import main


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def test_every_size_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "--input 5x6 --kernel 2x1 --stride 2x1 --padding 1:0x0:2 --dilation 1x3 --batch 2 "
        "--channels 4x6 --groups 2 --bias --format json"
    )
    geometry = json.loads(printed(capsys, *options.split()))["geometry"]

    assert geometry == {
        "text": "n2 c4 h5 w6 o6 k2x1 s2x1 p1:0x0:2 d1x3 g2",
        "input": [5, 6],
        "kernel": [2, 1],
        "output": [3, 8],
        "stride": [2, 1],
        "padding": [1, 0, 0, 2],
        "dilation": [1, 3],
        "remainder": [0, 0],
        "batch": 2,
        "in_channels": 4,
        "out_channels": 6,
        "groups": 2,
        "bias": True,
    }


@pytest.mark.parametrize("padding", ["1:0x0:2", "1x0x0x2", "1:0X0:2"])
def test_padding_is_spelt_as_in_a_geometry(
    capsys: pytest.CaptureFixture[str], padding: str
) -> None:
    options = ["--input", "3x4", "--kernel", "2", "--padding", padding, "--format", "json"]
    assert json.loads(printed(capsys, *options))["geometry"]["padding"] == [1, 0, 0, 2]


def test_a_geometry_as_findings_print_it(capsys: pytest.CaptureFixture[str]) -> None:
    text = "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"
    assert printed(capsys, "--geometry", text) == printed(capsys)
    with_bias = json.loads(printed(capsys, "--geometry", text, "--bias", "--format", "json"))
    assert with_bias["geometry"]["text"] == text
    assert with_bias["geometry"]["bias"]


def test_theorem(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--theorem", "--symbols", "X=A")
    assert text.startswith("The gradients of every convolution: a theorem and its proof\n")
    assert "A is the input" in text


def test_values(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--values", "X=1,2,3;4,5,6 K=1,-1 G=1")
    assert "Y₀₀ = K₀₀·X₀₀ + K₀₁·X₀₁ = 1·1 + (−1)·2 = −1" in text


def test_a_right_answer(capsys: pytest.CaptureFixture[str]) -> None:
    formula = "dX[0,1] = G[0,0]*K[0,1] + G[0,1]*K[0,0]"
    assert printed(capsys, "--try", formula) == "✓ Right, with every term.\n"


def test_a_wrong_answer_is_no_failure_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    geometry = "h5 w5 k3 s2 p1"
    status = main(["--geometry", geometry, "--symbols", "X=A", "--try", "dA[0,0] = G[0,0]*K[1,0]"])
    said = capsys.readouterr()
    assert (status, said.err) == (1, "")
    assert "– G₀₀·K₁₀ has a wrong index: it must be G₀₀·K₁₁.\n" in said.out


def test_an_answer_in_hebrew(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--try", "Y00 = K00 X00", "--language", "he"]) == 1
    assert "\u2066K₀₁·X₀₁\u2069" in capsys.readouterr().out


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_function_that_runs(capsys: pytest.CaptureFixture[str], library: str) -> None:
    """Of a geometry that is far too large to be derived symbol by symbol."""
    geometry = "n2 c64 h3000 w3000 o64 k3 s2 p1 d1 g1"
    source = printed(capsys, "--geometry", geometry, "--format", library)
    assert source.startswith(f"import {library}\n")
    assert f"The geometry: {geometry.replace('k3', 'k3x3')}." in source
    compile(source, "<printed>", "exec")


def test_symbols(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--symbols", "X=A,K=B,G=D")
    assert "∂C/∂A₀₁ = B₀₁·D₀₀ + B₀₀·D₀₁" in text


def test_a_long_derivation_is_announced_before_it_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytic.request.derive", lambda *_, **__: 1 / 0)

    assert main(["--input", "100", "--kernel", "3"]) == 2

    first, _second = capsys.readouterr().err.splitlines()
    assert first == "python -m analytic: 125,653 symbols and products: this takes about 15 s"
