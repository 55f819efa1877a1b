"""What is reported of a case in which the process died: at what it was, and how it ended."""

from __future__ import annotations

import pytest

from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.crashes import DAMAGE, LATE, crashed
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash

CASE, OTHER = (Case.parse(f"certificate float32 h1 w{width} k1") for width in (2, 3))
CHECK = all_checks()["certificate"]


@pytest.mark.parametrize(
    ("requested", "row", "quantity", "said"),
    [
        ("", "forward", "Y", "killed by SIGSEGV: bye"),
        ("Y", "forward", "Y", "killed by SIGSEGV: bye"),
        (
            "dX dK db",
            "grad_input",
            "dX",
            "killed by SIGSEGV in the backward pass, for dX and dK and db: bye",
        ),
        ("dK", "grad_weight", "dK", "killed by SIGSEGV in the backward pass, for dK: bye"),
        # As vmap has it.
        (
            "dX mapped over G",
            "grad_input",
            "dX",
            "killed by SIGSEGV in the backward pass, for dX: bye",
        ),
        ("tangent of Y", "forward", "Y", "killed by SIGSEGV: bye"),
        # What the target wrote there.
        ("\x1b[2J dX", "forward", "Y", "killed by SIGSEGV: bye"),
    ],
)
def test_a_crash_is_that_of_what_was_computed(
    requested: str, row: str, quantity: str, said: str
) -> None:
    crash = Crash("killed by SIGSEGV", "bye", quantity=requested)
    judgement = crashed(CHECK, CASE, crash)
    assert (judgement.check, judgement.quantity, judgement.explanation) == (row, quantity, said)
    assert (judgement.actual, judgement.beneath) == ("killed by SIGSEGV", ())


def test_what_did_not_return_in_time_may_be_slow_alone() -> None:
    crash = Crash("did not return within 3 s", hung=True, quantity="dX dK")
    judgement = crashed(CHECK, CASE, crash)
    assert judgement.lines == (
        "did not return within 3 s in the backward pass, for dX and dK",
        LATE,
    )
    assert "a case has 20 s" in LATE


@pytest.mark.parametrize(
    ("asked", "case"), [(str(OTHER), OTHER), ("", None), ("what the target wrote there", None)]
)
def test_a_crash_tells_what_it_was_asked_for_where_that_can_be_read(
    asked: str, case: Case | None
) -> None:
    assert crashed(CHECK, CASE, Crash("killed by SIGSEGV", asked=asked)).case == case


@pytest.mark.parametrize(
    "said",
    [
        "free(): invalid pointer",
        "corrupted size vs. prev_size in fastbins",
        "double free or corruption (!prev)",
        "malloc(): unaligned tcache chunk detected",
    ],
)
def test_where_the_heap_is_damaged_it_is_said_what_that_means(said: str) -> None:
    crash = Crash("killed by SIGABRT", said)
    judgement = crashed(CHECK, CASE, crash)
    assert judgement.crash is crash
    assert judgement.lines == (f"killed by SIGABRT: {said}", DAMAGE)
