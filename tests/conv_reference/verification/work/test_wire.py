from __future__ import annotations

import copyreg
import os
import pickle
from typing import Any

import pytest
import torch
from made_reports import MAPPED, PICTURE

from conv_reference.verification.diagnosis.explaining.explain import Explanation
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.known.relayed import Beside
from conv_reference.verification.model.case import Case, Layout, Values
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.picture import Part
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.messages import Broken, Described, Results, Unreached
from conv_reference.verification.work.wire import NotAdmitted, decoded, encoded

CASE = Case.parse("certificate float32 h2 w2 k1 X=sliced values=counting")


class Runs:
    """What unpickling would run."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def messages() -> list[Any]:
    target = load_target("torch.nn:Conv2d")
    judgements = judge_case(target, CASE, Settings(0, "cpu"))
    return [
        Described(target.described()),
        Results((judgements, Broken("a\nb"), Unreached(), {"Y": (1, 2.5)}), (0.1, 0.2, 0.0, 0.0)),
        Results((frozenset({"mm"}), torch.float16, torch.device("cpu")), (0.0, 0.0, 0.0)),
        Results((Explanation("text", "guess", "grids", PICTURE), MAPPED), (0.0,)),
        Results((Beside(frozenset({("forward", "Y")}), torch_errs=True),), (0.0,)),
        (CASE, CASE.geometry, b"bytes", None, True),
    ]


@pytest.mark.parametrize("message", messages())
def test_what_children_say_arrives(message: Any) -> None:
    assert decoded(encoded(message)) == message


@pytest.mark.parametrize("message", messages())
def test_it_arrives_from_a_python_that_pickles_members_by_getattr(
    message: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python 3.11.0 to 3.11.3 do, Debian 12's among them."""
    for kind in (Layout, Values, Verdict, Part):
        monkeypatch.setattr(kind, "__reduce_ex__", lambda own, _: (getattr, (type(own), own.name)))
    assert b"getattr" in pickle.dumps(Verdict.EXACT)
    assert decoded(encoded(message)) == message


def test_a_refusal_arrives() -> None:
    assert str(decoded(encoded(TargetError("no such thing")))) == "no such thing"


def test_a_refusal_arrives_whatever_a_package_has_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(copyreg.dispatch_table, TargetError, lambda _: (os.system, ("false",)))
    assert str(decoded(encoded(TargetError("no such thing")))) == "no such thing"


@pytest.mark.parametrize(
    "call",
    [
        (os.system, "true"),
        (eval, "1"),
        (getattr, Judgement, "check"),
        (torch.load, "file"),
        (torch.set_num_threads, 1),
        (__import__("subprocess").Popen, ["true"]),
        (__import__("conv_reference.cli").cli.main, ["--help"]),
    ],
    ids=lambda call: call[0].__name__,
)
def test_nothing_is_run_that_a_child_names(call: Any) -> None:
    with pytest.raises(NotAdmitted, match="does not travel"):
        decoded(pickle.dumps(Runs(*call)))


def test_a_class_of_another_package_is_none_of_ours_for_its_name() -> None:
    with pytest.raises(NotAdmitted):
        decoded(b"cos\nTarget\n.")
    with pytest.raises(NotAdmitted):  # imported there, defined elsewhere
        decoded(b"cconv_reference.verification.diagnosis.tally\nJudgement\n.")
