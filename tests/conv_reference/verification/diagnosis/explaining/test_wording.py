"""What a finding says besides what was judged."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.crashes import crashed
from conv_reference.verification.diagnosis.explaining.explain import Explanation
from conv_reference.verification.diagnosis.explaining.wording import finding_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.domain import Domain
from conv_reference.verification.model.judgement import NO_GRADIENT, Crash, Failure, Judgement
from conv_reference.verification.model.result import Finding, Verdict
from conv_reference.verification.report.derivation import derivation
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.work.here import Here

CONV2D = as_target(conv2d, name="torch.nn.functional:conv2d")
REFUSALS = Case.parse("refusals float32 h2 w2 k2")
CERTIFICATE = Case.parse("certificate float32 h2 w2 k2")


def worded(failure: Failure, settings: Settings) -> Finding:
    bench = Bench(CONV2D, Here(CONV2D), settings, (), (), math.inf)
    return finding_of(failure, Explanation(), bench, known="", in_process=False)


@pytest.mark.parametrize(
    ("case", "made", "said"),
    [
        (REFUSALS, None, "While the check tried sizes of its own, not that one."),
        (
            CERTIFICATE,
            REFUSALS,
            f"The last that it was asked for: {REFUSALS.question}. "
            "Damage by an earlier call may show late.",
        ),
        (CERTIFICATE, None, ""),
    ],
    ids=["sizes of the check's own", "a case that the check made", "the case itself"],
)
def test_a_crash_is_placed_where_the_case_does_not_show_it(
    case: Case, made: Case | None, said: str
) -> None:
    crash = Judgement("refusals", "Y", Verdict.CRASHED, explanation="killed by SIGSEGV", case=made)
    found = worded(Failure(case, crash), Settings(seed=1, device="cpu"))
    assert found.explanation.splitlines() == ["killed by SIGSEGV", *([said] if said else [])]


@pytest.mark.parametrize(
    ("crash", "late"),
    [
        (Crash("killed by SIGSEGV"), True),
        (Crash("did not return within 5 s", hung=True), False),
        (Crash("left with status 3", left=True), False),
    ],
)
def test_of_damage_it_speaks_where_a_process_was_killed_alone(crash: Crash, *, late: bool) -> None:
    judged = replace(crashed(all_checks()["refusals"], CERTIFICATE, crash), case=REFUSALS)
    found = worded(Failure(CERTIFICATE, judged), Settings(seed=1, device="cpu"))
    assert f"The last that it was asked for: {REFUSALS.question}." in found.explanation
    assert ("Damage by an earlier call" in found.explanation) == late


def test_where_the_check_has_made_other_sizes_these_are_told_and_no_others_derived() -> None:
    made = Case.parse("options_before float32 h2 w5 k2 s3")
    judgement = Judgement("options_before", "Y", Verdict.WRONG, explanation="one is wrong")
    settings = Settings(seed=1, device="cpu")
    found = worded(Failure(CERTIFICATE, replace(judgement, case=made)), settings)
    assert found.explanation.splitlines() == [
        "one is wrong",
        "The call that fails is on n1 c1 h2 w5 o1 k2x2 s3 p0 d1 g1, "
        "which the check makes of the case.",
    ]
    assert not derivation(found)
    same = replace(made, geometry=CERTIFICATE.geometry)
    found = worded(Failure(CERTIFICATE, replace(judgement, case=same)), settings)
    assert found.explanation == "one is wrong"
    assert derivation(found)


def test_the_command_repeats_what_the_run_was_asked_with() -> None:
    failure = Failure(CERTIFICATE, Judgement("forward", "Y", Verdict.WRONG))
    settings = Settings(seed=7, device="cuda", allowed_bits=10, domain=Domain("kh == 2"))
    assert worded(failure, settings).reproduce == (
        f"conv-reference verify torch.nn.functional:conv2d --case '{CERTIFICATE}' "
        "--where 'kh == 2' --device cuda --allow-bits 10 --seed 7"
    )


@pytest.mark.parametrize(
    ("judgement", "of_numbers"),
    [
        (Judgement("forward", "Y", Verdict.WRONG), True),
        (whole("shapes", "Y", "of shape (2,)", "of shape (1,)"), True),
        (replace(whole("vmap", "Y", "of shape (2,)", ""), unlike=("dtype",)), True),
        (whole("vmap", "Y", "a tensor", "str"), False),
        (whole("requires_grad", "Y", "a graph", "no graph"), False),
        (whole("requires_grad", "dX", "a gradient", NO_GRADIENT), False),
        (Judgement("forward", "Y", Verdict.RAISED), False),
    ],
)
def test_it_says_whether_it_is_about_numbers_or_their_shape(
    judgement: Judgement, *, of_numbers: bool
) -> None:
    found = worded(Failure(CERTIFICATE, judgement), Settings(seed=1, device="cpu"))
    assert found.of_numbers is of_numbers
