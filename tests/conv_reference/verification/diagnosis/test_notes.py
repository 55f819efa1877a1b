from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.layer import ConvLayer_1
from conv_reference.verification import verify
from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis import notes
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.reading import catalogue
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")

CHECKS = tuple(all_checks().values())
SHORT = Request(dtypes=(torch.float32,), seed=0, budget=0.1, sweep=Sweep.SMALL)


def test_a_check_that_applies_to_no_dtype_of_the_run_is_named() -> None:
    limited = [check for check in CHECKS if check.dtypes is not None]
    assert [*map(str, notes.inapplicable(limited, [torch.float32]))] == [
        "not asked: gradgradcheck, which applies to float64 alone",
        "not asked: long_sums, which applies to bfloat16 and float16 alone",
    ]
    three = [torch.float64, torch.float32, torch.bfloat16]
    assert not [*notes.inapplicable(limited, three)]


def test_a_sweep_says_what_it_leaves_out_and_a_single_geometry_has_nothing_to_say() -> None:
    (said,) = notes.unswept(SHORT, CHECKS)
    assert str(said).startswith(
        f"not asked: {len(CHECKS) - 1} other checks, for the sweep small puts"
    )
    one = Geometry(input_size=(2, 3), kernel_size=(1, 2))
    single = Request(dtypes=(torch.float32,), seed=0, budget=0.1, sweep=Sweep.SMALL, geometry=one)
    assert not [*notes.unswept(single, CHECKS)]


def test_what_was_not_reached_is_counted_by_check() -> None:
    missed = plan(as_target(conv2d), SHORT).cases[:2]
    cut = ", for the clock cut the run"
    said = notes.unreached(missed, drawn=50, planned=50, why=cut, too_slow=2)
    assert [*map(str, said)] == ["not reached, for the clock cut the run: 2 cases of certificate"]
    assert [*notes.unreached([], drawn=50, planned=50, why="", too_slow=0)] == []


def test_what_was_left_out_as_too_slow_is_told_once_and_not_laid_to_the_clock() -> None:
    missed = plan(as_target(conv2d), SHORT).cases[:2]
    assert [*notes.unreached(missed, drawn=50, planned=50, why="", too_slow=2)] == []
    (said,) = notes.unreached(missed, drawn=50, planned=50, why="", too_slow=0)
    assert str(said) == "not reached: 2 cases of certificate"


def test_what_was_not_even_drawn_is_certificates_not_reached() -> None:
    (note,) = notes.unreached([], drawn=50, planned=51, why="", too_slow=0)
    assert str(note) == "not reached: 1 case of certificate"


def test_a_parameter_of_another_name_is_left_alone_and_told() -> None:
    def function(X: Any, K: Any, shift: Any = None, stride: Any = 1) -> Any:
        return conv2d(X, K, shift, stride)

    report = verify(function, dtypes=torch.float64, checks="forward", budget=0.1, seed=0)

    assert report.passed
    assert "left at its default, for conv2d has no parameter of this name: shift; and no bias" in (
        "\n".join(map(str, report.notes))
    )
    assert {check.name for check in report.checks} == {"forward"}


def test_of_who_is_always_given_a_bias_it_is_not_said_that_none_was_asked_for() -> None:
    def function(x: Any, w: Any, bias: Any, shift: Any = None, stride: Any = 1) -> Any:
        return conv2d(x, w, bias + 0, stride)

    target = as_target(function)
    assert (target.always_biased, target.foreign) == (True, ("shift",))
    assert any(str(note).endswith("of this name: shift") for note in notes.assumed(target))


def test_what_a_layer_does_not_tell_is_said_to_be_assumed() -> None:
    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 1, 1, 2))

        def forward(self, input: Tensor) -> Tensor:
            return conv2d(input, self.weight)

    report = verify(Silent(), dtypes=["float64"], checks=["forward"], budget=0.1, seed=0)
    (note,) = [note for note in report.notes if note.kind == NoteKind.ASSUMED]

    assert report.passed
    assert "padding 0" in str(note)


def test_a_row_that_no_case_has_anything_for_is_named() -> None:
    report = verify(
        ConvLayer_1, dtypes=["float64"], checks=["forward", "grad_bias"], budget=0.05, seed=0
    )
    said = "not asked, for the target has no such sizes, or no bias: grad_bias"
    assert Note(NoteKind.NOT_ASKED, said) in report.notes


def _wrong_shape(input: Tensor, weight: Tensor) -> Any:
    class Summed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
            ctx.save_for_backward(X, K)
            return conv2d(X, K)

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Any:
            X, K = ctx.saved_tensors
            return X.new_zeros(2, *X.shape), K.new_zeros(2, *K.shape)

    return Summed.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's


def test_a_row_that_what_came_before_kept_from_being_judged_says_so() -> None:
    report = verify(
        _wrong_shape, dtypes="float64", checks="certificate", sweep="small", cases=40, seed=0
    )
    said = [str(note) for note in report.notes if note.kind == NoteKind.NOT_ASKED]
    why = "for their cases failed, or were refused, at an earlier step"
    assert f"not judged, {why}: grad_input, grad_weight" in said
    assert "not asked, for the target has no such sizes, or no bias: grad_bias" in said


def test_sizes_that_a_target_does_not_have_were_not_kept_from_being_judged() -> None:
    """It has no groups and no dilation; some cases of the other sizes failed."""
    report = verify(
        _wrong_shape, dtypes="float64", checks="degenerate", cases=40, seed=0, known=None
    )
    said = [str(note) for note in report.notes if note.kind == NoteKind.NOT_ASKED]
    assert said[0].startswith("not asked, for the target has no such sizes, or no bias: ")
    assert said[0].endswith("dilation_over_input, depthwise")
    assert not any("earlier step" in each for each in said)


def test_a_row_about_the_bias_of_a_target_without_one_was_not_kept_from_being_judged() -> None:
    report = verify(_wrong_shape, dtypes="float64", checks="nonfinite", cases=8, seed=0, known=None)
    said = [str(note) for note in report.notes if note.kind == NoteKind.NOT_ASKED]
    assert any(each.endswith("or no bias: nonfinite_bias") for each in said)
    assert not any("earlier step" in each and "nonfinite_bias" in each for each in said)


def test_every_report_says_what_was_not_asked_with_the_option_and_what_is_not_checked() -> None:
    report = verify(conv2d, dtypes="float64", checks="grad_bias", cases=8, seed=0)
    said = {note.kind: str(note) for note in report.notes}
    others = len([entry for entry in catalogue.entries() if entry.name != "grad_bias"])

    assert said[NoteKind.NOT_REQUESTED] == (
        f"not asked: {others} other checks (--check); {', '.join([*DTYPES][1:])} (--dtype); every "
        "layer of known networks (--sweep networks); devices other than cpu (--device)"
    )
    assert said[NoteKind.NOT_CHECKED].startswith("not checked: complex, integer, sparse and ")


def test_of_a_whole_run_those_on_request_are_named() -> None:
    whole = Request(dtypes=tuple(DTYPES.values()), seed=0, sweep=Sweep.DEFAULT)
    first, _ = notes.unrequested(whole, "cuda")
    named = str(first).removeprefix("not asked: ").partition(" (--check)")[0].split(", ")

    assert {"compile", "export"} <= {*named}
    assert "--dtype" not in str(first)
    assert str(first).endswith("devices other than cuda (--device)")


def test_a_dtype_that_is_refused_was_asked_so_no_option_asks_for_it() -> None:
    report = verify(
        _without_halves, dtypes=("float64", "float16"), checks="forward", cases=8, seed=0
    )
    (said,) = [str(note) for note in report.notes if note.kind == NoteKind.NOT_REQUESTED]
    assert report.refuses == ("float16 (TypeError: no half precision)",)
    assert "; float32, bfloat16 (--dtype); " in said


def _without_halves(input: Tensor, weight: Tensor) -> Tensor:
    if input.dtype == torch.float16:
        raise TypeError("no half precision")
    return conv2d(input, weight)


def test_of_arrays_no_row_about_a_graph_is_said_to_have_failed_before() -> None:
    """Some of the certificates failed; none, failing or not, could be asked for a graph."""
    target = replace(as_target(conv2d), over_arrays=True)
    rows = {"forward", "requires_grad"}
    tried = [Case(check="certificate", geometry=Geometry.parse("h2 w3 k2"))]
    said = [
        *map(str, notes.unseen(CHECKS, rows, {"forward"}, tried, target, frozenset({"forward"})))
    ]
    assert said == ["not asked, for torch's graph has no part in its gradients: requires_grad"]


def test_what_needs_a_gradient_was_kept_from_being_judged_where_y_asks_for_none() -> None:
    """It was said that no case of the run has what it takes: each asked for a gradient."""
    checks = ["certificate", "two_backwards", "adjointness", "degenerate", "precision"]
    checks += ["batched_gradients"]
    report = verify(_without_graph, dtypes="float32", checks=checks, cases=20, seed=0, known=None)
    said = [str(note) for note in report.notes if note.kind == NoteKind.NOT_ASKED]
    (earlier,) = (each for each in said if "at an earlier step: " in each)
    assert {"two_backwards", "adjointness", "precision_grad_input", "batched_gradients"} <= {
        *earlier.partition("step: ")[2].split(", ")
    }
    (never,) = (each for each in said if "or no bias: " in each)
    assert {"grad_bias", "precision_grad_bias", "depthwise"} <= {
        *never.partition("bias: ")[2].split(", ")
    }


@torch.no_grad()
def _without_graph(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight)
