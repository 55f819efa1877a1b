from __future__ import annotations

import json
import subprocess
import sys

import pytest

from conv_reference.cli import main
from conv_reference.verification.commands.checks import listed
from conv_reference.verification.reading import catalogue


def test_every_row_is_listed_with_its_reason_and_a_real_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["checks"]) == 0
    printed = capsys.readouterr().out
    flat = " ".join(printed.split())

    for entry in catalogue.entries():
        for words in (entry.asserts, f"why: {entry.why}", f"fault: {entry.fault}", entry.title):
            assert " ".join(words.split()) in flat
    assert "  grad_input (certificate)\n" in printed
    assert "  export, on request\n" in printed
    assert max(map(len, printed.splitlines())) <= 100


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["grad_input"], {"grad_input"}),
        (["jacrev", "jacfwd"], {"jacrev", "jacfwd"}),
        (["compiled"], {"compile", "export"}),  # a group
    ],
)
def test_a_row_a_check_or_a_group_is_listed_alone(names: list[str], rows: set[str]) -> None:
    assert {row["name"] for row in json.loads(listed(names, "json"))} == rows


def test_one_row_as_it_is_printed() -> None:
    title = "certificate: The exact certificate of one case: Y, dX, dK and db, bit for bit"
    assert (
        listed(["shapes"])
        == f"""\
{title}

  shapes (certificate)
      Y and each gradient have the shape, dtype and device that the definition gives.
      why: A gradient of the wrong shape broadcasts silently in an optimiser's step.
      fault: dW of another shape than W for groups and a stride with a remainder (mlx#2184)
"""
    )


def test_an_unknown_name_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checks", "grad_inptu"]) == 2
    assert "did you mean grad_input or" in capsys.readouterr().err


def test_listing_them_needs_no_torch() -> None:
    program = (
        "import sys; from conv_reference.cli import main; "
        "main(['checks', '--format', 'json']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
