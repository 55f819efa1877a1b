"""Known defects of other frameworks: what of a row is theirs, and what beside it is not."""

from __future__ import annotations

import pytest

from conv_reference.verification.known.known import SHIPPED, first_match, load
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict

GROUPS, NONE = "n2 c4 h3 w3 o4 k2 s1 p0 d1 g2", "n2 c4 h3 w3 o4 k2 s1 p0 d1 g1"


def known(adapter: str, framework: str, row: str, quantity: str, sizes: str, verdict: str) -> str:
    """The name of the defect that such a failure is; empty where it is none."""
    target, here = f"conv_reference.adapters.{adapter}", {"framework": framework}
    defects = [defect for defect in load(SHIPPED) if defect.applies(target, here)]
    case = Case.parse(f"{row} float32 {sizes} grad= nobias")
    found = first_match(defects, case, Judgement(row, quantity, Verdict(verdict)))
    return "" if found is None else found.name


@pytest.mark.parametrize(
    ("row", "quantity", "sizes", "is_known"),
    [
        ("vmap_gradients", "dK", GROUPS, True),
        ("vmap_gradients", "dX", GROUPS, False),
        ("vmap_gradients", "dK", NONE, False),
        ("jacrev", "dK", GROUPS, True),
        ("vmap", "Y", GROUPS, False),
    ],
)
def test_of_tensorflows_maps_that_of_a_grouped_dk_alone_is_known(
    row: str, quantity: str, sizes: str, *, is_known: bool
) -> None:
    named = known(
        "tensorflow:TensorFlow", "TensorFlow 2.21.0", row, quantity, sizes, verdict="wrong"
    )
    assert named == ("tensorflow-vectorized-map-of-grouped-dk" if is_known else "")


@pytest.mark.parametrize(
    ("row", "quantity", "sizes", "verdict", "name"),
    [
        ("jvp", "Y", GROUPS, "wrong", "paddle-gradient-in-g-is-lost"),
        ("double_backward", "Y", NONE, "wrong", "paddle-gradient-in-g-is-lost"),
        ("double_backward", "dX", NONE, "wrong", ""),
        ("jvp", "Y", NONE.replace("n2", "n0"), "crashed", "paddle-empty-batch"),
        ("jvp", "Y", NONE, "crashed", ""),
    ],
)
def test_paddles_jvp_has_the_defects_of_its_second_order(
    row: str, quantity: str, sizes: str, verdict: str, name: str
) -> None:
    assert known("paddle:Paddle", "Paddle 3.3.1", row, quantity, sizes, verdict) == name


@pytest.mark.parametrize(
    ("row", "quantity", "sizes", "name"),
    [
        ("forward", "Y", NONE.replace("n2", "n0"), "tensorflow-empty-batch"),
        ("forward", "Y", NONE, ""),
        ("jacrev", "dK", NONE, ""),
    ],
)
def test_what_tensorflow_raises_is_known_where_its_page_says_so(
    row: str, quantity: str, sizes: str, name: str
) -> None:
    asked = "certificate" if row in {"forward", "grad_weight"} else row
    target, here = "conv_reference.adapters.tensorflow:TensorFlow", "TensorFlow 2.21.0"
    defects = [d for d in load(SHIPPED) if d.applies(target, {"framework": here})]
    case = Case.parse(f"{asked} float32 {sizes} grad= nobias")
    raised = Judgement(row, quantity, Verdict.RAISED, actual="raised ValueError")
    found = first_match(defects, case, raised)
    assert ("" if found is None else found.name) == name
