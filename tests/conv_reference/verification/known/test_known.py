from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import faulty
import pytest
import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.known.entries import KnownError
from conv_reference.verification.known.known import SHIPPED, Defect, first_match, load
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement, Quantity
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.judge import Expected, judge, whole

CPU = torch.device("cpu")
DEFECT = Defect(
    name="depthwise",
    summary="dK is wrong.",
    link="docs/found/depthwise.md",
    date="2026-11-24",
    targets=("torch.nn.functional:conv2d", "torch.nn"),
    quantities=("dK",),
    checks=("grad_weight",),
    verdicts=("wrong",),
    dtypes=("float32", "bfloat16"),
    layouts=("input=sliced", "weight=strided"),
    torch=("2.13.", "2.12."),
    environment=("cpu=avx2", "cpu!=amx", "oneDNN=on"),
    geometry="n > 1 and g == c",
)
ANYTHING = Defect("a", "b", "c", "d", targets=("",), quantities=("dK",))
CASE = Case.parse("certificate float32 n2 c3 h1 w1 o3 k1 g3 X=sliced")
JUDGEMENT = Judgement("grad_weight", "dK", Verdict.WRONG)
HERE = {"torch": "2.13.0+cpu", "cpu": "AVX2 avx2", "oneDNN": "on"}
ENTRY = """
[[defect]]
name = "depthwise"
summary = "dK is wrong."
link = "docs/found/depthwise.md"
date = "2026-11-24"
targets = ["torch."]
quantities = ["dK"]
geometry = "n > 1 and g == c"
"""


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("target", "mine:conv2d"),
        ("torch", "2.1.0"),
        ("torch", "3.0"),
        ("cpu", "avx512"),
        ("cpu", "avx2 amx"),
        ("oneDNN", "off"),
    ],
)
def test_a_defect_applies_only_where_it_was_seen(change: str, value: str) -> None:
    target = value if change == "target" else "torch.nn.functional:conv2d"
    assert DEFECT.applies("torch.nn.functional:conv2d", HERE)
    assert not DEFECT.applies(target, {**HERE, change: value})
    assert not DEFECT.applies("torch.nn.functional:conv2d", {})


@pytest.mark.parametrize(
    ("case", "judgement"),
    [
        ("certificate float32 n1 c3 h1 w1 o3 k1 g3 X=sliced", {}),
        ("certificate float32 n2 c3 h1 w1 o3 k1 g1 X=sliced", {}),
        ("certificate float64 n2 c3 h1 w1 o3 k1 g3 X=sliced", {}),
        ("certificate float32 n2 c3 h1 w1 o3 k1 g3", {}),
        ("certificate float32 n2 c3 h1 w1 o3 k1 g3 K=sliced", {}),
        (str(CASE), {"check": "forward"}),
        (str(CASE), {"quantity": "dX"}),
        (str(CASE), {"verdict": Verdict.CRASHED}),
    ],
    ids=[
        "one sample", "not depthwise", "dtype", "contiguous", "another operand", "check",
        "quantity", "verdict",
    ],
)  # fmt: skip
def test_each_condition_alone_keeps_a_failure_from_being_known(
    case: str, judgement: dict[str, Any]
) -> None:
    assert DEFECT.matches(CASE, JUDGEMENT)
    assert not DEFECT.matches(Case.parse(case), replace(JUDGEMENT, **judgement))


def test_one_of_the_layouts_is_enough() -> None:
    assert DEFECT.concerns(Case.parse("certificate float32 n2 c3 h1 w1 o3 k1 g3 K=strided"))


def test_a_defect_concerns_the_cases_of_those_checks_that_have_its_row() -> None:
    assert DEFECT.concerns(CASE)
    assert not DEFECT.concerns(replace(CASE, check="vmap"))
    assert not DEFECT.concerns(replace(CASE, check="of another version"))
    assert replace(DEFECT, checks=("vmap",)).concerns(replace(CASE, check="vmap"))


def test_an_empty_condition_always_holds() -> None:
    assert ANYTHING.applies("mine:conv2d", {})
    assert ANYTHING.matches(CASE, JUDGEMENT)


@pytest.mark.parametrize("defect", load(SHIPPED), ids=lambda defect: defect.name)
def test_no_wrong_shape_and_no_missing_gradient_is_a_known_defect(defect: Defect) -> None:
    anywhere = replace(ANYTHING, quantities=defect.quantities, verdicts=defect.verdicts)
    for quantity in defect.quantities:
        wanted = Expected(torch.ones(2, 1), lambda: torch.ones(2, 1), 1, torch.float32, CPU)
        answers = (torch.ones(1, 2), torch.ones(2, 1, dtype=torch.float64), None)
        kinds = [judge("vmap", quantity, answer, wanted) for answer in answers]
        for said in (*kinds, whole("requires_grad", quantity, "a gradient", "no gradient")):
            assert said.verdict == Verdict.WRONG
            assert not anywhere.matches(CASE, said)
        numbers = judge("vmap", quantity, torch.zeros(2, 1), wanted)
        assert anywhere.matches(CASE, numbers) == ("wrong" in defect.verdicts)


def test_a_defect_of_one_quantity_excuses_no_other() -> None:
    wanted = Expected(torch.ones(2, 1), lambda: torch.ones(2, 1), 1, torch.float32, CPU)
    excused = {
        quantity: ANYTHING.matches(CASE, judge("forward", quantity, torch.zeros(2, 1), wanted))
        for quantity in ("Y", "dX", "dK", "db")
    }
    assert excused == {"Y": False, "dX": False, "dK": True, "db": False}


def test_of_a_crash_nobody_knows_what_was_computed() -> None:
    assert replace(ANYTHING, verdicts=("crashed",)).matches(
        CASE, Judgement("forward", "Y", Verdict.CRASHED)
    )


@pytest.mark.parametrize("verdict", [Verdict.RAISED, Verdict.CRASHED])
def test_what_raises_or_crashes_is_known_where_the_entry_says_so(verdict: Verdict) -> None:
    failed = Judgement("forward", "dK", verdict)
    assert not ANYTHING.matches(CASE, failed)
    assert replace(ANYTHING, verdicts=(verdict.value,)).matches(CASE, failed)


def test_where_the_wrong_number_is_always_the_same_another_is_not_the_defects() -> None:
    wanted = Expected(torch.ones(2, 1), lambda: torch.ones(2, 1), 1, torch.float32, CPU)
    nan, zero = (judge("vmap", "dK", torch.full((2, 1), x), wanted) for x in (torch.nan, 0.0))
    defect = replace(ANYTHING, actual=("nan",))
    assert (defect.matches(CASE, nan), defect.matches(CASE, zero)) == (True, False)


def test_what_a_call_keeps_alive_is_known_where_the_entry_says_so() -> None:
    held = replace(ANYTHING, quantities=("K",), checks=("released_memory",), actual=("still held",))
    kept = {name: whole("released_memory", name, "freed", "still held") for name in ("X", "K")}
    case = Case.parse("released_memory float32 n1 c2 h4 w4 o2 k2x2")

    assert [name for name in kept if held.matches(case, kept[name])] == ["K"]


def test_every_size_can_be_named() -> None:
    geometry = Geometry.parse("n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1x2 g2")
    text = (
        "n == 2 and c == 4 and h == 8 and w == 9 and o == 6 and kh == 3 and kw == 2 and sh == 2 "
        "and sw == 1 and ph == 1 and pw == 0 and dh == 1 and dw == 2 and g == 2 and oh == 4 "
        "and ow == 7 and rh == 1 and rw == 0"
    )
    named = Defect("a", "b", "c", "d", targets=("",), quantities=("Y",), geometry=text)
    assert named.concerns(CASE.on(geometry))
    for size in text.split(" and "):
        name, _, value = size.partition(" == ")
        other = replace(named, geometry=f"{name} == {int(value) + 1}")
        assert not other.concerns(CASE.on(geometry)), name


def test_the_first_that_matches_is_the_one() -> None:
    other = replace(DEFECT, name="other", quantities=("Y",))
    again = replace(DEFECT, name="again")
    assert first_match([other, DEFECT, again], CASE, JUDGEMENT) is DEFECT
    assert first_match([other], CASE, JUDGEMENT) is None


def test_a_registry_is_read(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(ENTRY)
    assert load(file) == (
        Defect(
            "depthwise",
            "dK is wrong.",
            "docs/found/depthwise.md",
            "2026-11-24",
            targets=("torch.",),
            quantities=("dK",),
            geometry="n > 1 and g == c",
        ),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[defect", "known.toml is no TOML: "),
        ("[defect]\nname = 'a'", "not a list of known defects, [[defect]]: {'name': 'a'}"),
        (ENTRY + "colour = 'red'", "known.toml: not a field of a known defect: ['colour']"),
        (ENTRY.replace("link", "#"), "known.toml: depthwise lacks link"),
        (ENTRY.replace("name", "#"), "known.toml: a known defect lacks name"),
        (ENTRY.replace("quantities", "#"), "known.toml: depthwise lacks quantities"),
        (
            ENTRY.replace('["dK"]', "[]"),
            "depthwise: quantities must be one or more of Y, dX, dK, db, X, K, b, G, got []",
        ),
        (
            ENTRY.replace('["dK"]', '["dW"]'),
            "depthwise: quantities must be one or more of Y, dX, dK, db, X, K, b, G, got ['dW']",
        ),
        (ENTRY.replace("g == c", "g = c"), "not a predicate over sizes: 'n > 1 and g = c'"),
        (ENTRY.replace("g == c", "m == c"), "not a predicate over sizes: 'n > 1 and m == c'"),
        (ENTRY + "shows = ['a float32']", "known.toml: depthwise shows no case: "),
        (
            ENTRY + "shows = ['certificate float32 h1 w1 k1']",
            "known.toml: depthwise does not concern the case that shows it: certificate float32",
        ),
        ("defect = 3", "known.toml: not a list of known defects, [[defect]]: 3"),
        (ENTRY.replace('["torch."]', '"torch."'), "known.toml: targets must be a list"),
        (ENTRY.replace('"n > 1 and g == c"', '["n > 1"]'), "known.toml: geometry must be text"),
        (ENTRY.replace('["torch."]', "[3]"), "known.toml: targets must be a list of texts"),
    ],
    ids=[
        *("no TOML", "a table in place of a list", "foreign field", "missing field"),
        *("nameless", "without quantities", "of none", "of another quantity"),
        *("no predicate", "unknown size", "shows no case", "shows another", "no list"),
        *("text for a list", "list for a text", "number"),
    ],
)
def test_a_registry_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "known.toml"
    file.write_text(text)
    with pytest.raises(KnownError, match=re.escape(message)) as caught:
        load(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(KnownError, match=r"known.toml is no TOML: "):
        load(file)


def test_the_shipped_registry_can_be_read_and_each_entry_has_its_record() -> None:
    root = SHIPPED.parents[3]
    defects = load(SHIPPED)
    assert len({defect.name for defect in defects}) == len(defects)
    for defect in defects:
        assert defect.link.startswith("https://") or (root / defect.link).is_file(), defect.name
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", defect.date)


def test_a_quantity_is_the_defects_where_it_is_mapped_over_too() -> None:
    plain = replace(JUDGEMENT, quantity="dK")
    mapped = plain.about(Quantity("dK", ("X",)))

    assert DEFECT.matches(CASE, plain)
    assert DEFECT.matches(CASE, mapped)
    assert not DEFECT.matches(CASE, plain.about(Quantity("dX", ("X",))))


@pytest.mark.parametrize(
    ("case", "named"),
    [
        ("jvp float32 n1 c2 h3 w3 o2 k2 grad= nobias", {"Y"}),
        ("dual_numbers float32 n1 c2 h3 w3 o2 k2 grad= nobias", {"Y"}),
        ("forward_over_reverse float32 n1 c2 h3 w3 o2 k2 grad= nobias", {"dX", "dK"}),
        ("reverse_over_forward float32 n1 c2 h3 w3 o2 k2 grad= nobias", {"dX", "dK"}),
        ("double_backward float32 n1 c2 h3 w3 o2 k2 grad=XK nobias", {"Y", "dX", "dK"}),
        ("hessian_vector float32 n1 c2 h3 w3 o2 k2 grad= nobias", {"dX", "dK"}),
        ("jacrev float32 n1 c2 h3 w3 o2 k2 grad= nobias", {"dX", "dK"}),
        ("jacfwd float32 n1 c2 h3 w3 o2 k2 grad= nobias", {"Y"}),
    ],
)
def test_a_derivative_is_the_defects_where_it_is_computed_like_its_quantity(
    case: str, named: set[str]
) -> None:
    """A tangent is a Y, and what is differentiated in K a dK, of two other tensors."""
    judgements = judge_case(as_target(faulty.negative), Case.parse(case), Settings(0, "cpu"))
    wrong = [j for j in judgements if j.verdict == Verdict.WRONG]
    excused = {
        name: [replace(ANYTHING, quantities=(name,)).matches(CASE, j) for j in wrong]
        for name in ("Y", "dX", "dK", "db")
    }
    assert {name for name, matches in excused.items() if any(matches)} == named
    assert all(sum(matches) == 1 for matches in zip(*excused.values(), strict=True))


@pytest.mark.parametrize("quantity", ["", "X", "second order"])
def test_what_is_none_of_them_is_no_defects(quantity: str) -> None:
    every = replace(DEFECT, quantities=("Y", "dX", "dK", "db"))
    assert not every.matches(CASE, replace(JUDGEMENT, quantity=quantity))


AVX512 = {"torch": "2.13.0+cpu", "machine": "x86_64", "oneDNN": "on", "instructions": "avx512_f"}


def _shipped(case: str, row: str, quantity: str, instructions: str = "avx2 avx512_f") -> str:
    """The shipped registry's name for a wrong number of torch's own convolution."""
    here = {**AVX512, "instructions": instructions}
    defects = [d for d in load(SHIPPED) if d.applies("torch.nn.functional:conv2d", here)]
    judgement = Judgement(row, quantity, Verdict.WRONG, actual="nan")
    found = first_match(defects, Case.parse(f"nonfinite bfloat16 {case} nobias"), judgement)
    return "" if found is None else found.name


@pytest.mark.parametrize(
    ("row", "quantity", "known", "others"),
    [
        (  # seeds 11 and 26 came upon it: an odd number of pixels in a plane of Y
            "nonfinite_upstream",
            "dK",
            "n1 c1 h7 w1 o2 k4x2 s4x1 p0x2 d1x2",
            [
                "n1 c1 h8 w1 o2 k1x2 p0x2 d1x2",
                "n1 c2 h7 w1 o2 k4x2 s4x1 p0x2 d1x2 g2",
                "h3 w3 o2 k1",
            ],
        ),
        (  # an odd number of products behind an element of Y
            "nonfinite_kernel",
            "Y",
            "n1 c3 h1 w6 o9 k1x5 g3",
            ["n1 c3 h1 w6 o9 k1x4 g3", "n1 c3 h1 w6 o3 k1x5 g3", "n1 c3 h1 w5 o9 k1x5 g3"],
        ),
        (  # an odd number of outputs in a group
            "nonfinite_kernel",
            "dX",
            "n1 c1 h1 w3 o1 k1x2 p0x1",
            ["n1 c1 h1 w3 o2 k1x2 p0x1", "n1 c1 h1 w2 o1 k1x2", "n1 c1 h1 w3 o1 k1"],
        ),
        (  # what lies behind a row of X is its next channel
            "nonfinite_input",
            "dK",
            "n1 c3 h1 w1 o16 k1 s1x2",
            ["n1 c3 h1 w1 o8 k1 s1x2", "n1 c3 h1 w2 o16 k1 s1x2", "n1 c3 h1 w1 o16 k1"],
        ),
    ],
    ids=["dK of G", "Y of K", "dX of K", "dK of X"],
)
def test_what_is_not_finite_in_bfloat16_is_known_where_it_was_seen(
    row: str, quantity: str, known: str, others: list[str]
) -> None:
    assert _shipped(known, row, quantity).startswith("conv2d-onednn-bfloat16-")
    assert [_shipped(other, row, quantity) for other in others] == [""] * len(others)
    assert _shipped(known, row, quantity, "avx2") == ""
    assert _shipped(known, row, quantity, "avx2 avx512_f avx512_bf16 amx_bf16") == ""


@pytest.mark.parametrize(
    ("framework", "quantity", "sizes", "known"),
    [
        ("tinygrad 0.14.0", "dX", "c12 h16 w2 o16 k4x1 s3 p0:2x1 d3x2 g2", True),
        ("tinygrad 0.14.0", "Y", "c12 h16 w2 o16 k4x1 s3 p0:2x1 d3x2 g2", False),
        ("tinygrad 0.15.0", "dX", "c12 h16 w2 o16 k4x1 s3 p0:2x1 d3x2 g2", False),
        ("tinygrad 0.14.0", "dX", "c12 h16 w2 o16 k4x1 s1 p0:2x1 d3x2 g2", False),  # X is seen
        ("tinygrad 0.14.0", "dX", "c8 h1 w3 o4 k2x4 s2 p2:0 d1 g2", True),  # its rows are not
    ],
)
def test_a_gradient_that_tinygrad_does_not_write_is_known(
    framework: str, quantity: str, sizes: str, *, known: bool
) -> None:
    here = {"framework": framework}
    defects = [d for d in load(SHIPPED) if d.applies("conv_reference.adapters.tinygrad:it", here)]
    judgement = Judgement("grad_input", quantity, Verdict.WRONG)
    found = first_match(defects, Case.parse(f"certificate float64 {sizes}"), judgement)
    assert (found is not None) == known


def test_a_registry_that_is_nested_too_deeply_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text("a = " + "[" * 100_000)
    with pytest.raises(KnownError, match="known.toml is corrupt: nested too deeply$"):
        load(path)


def test_a_class_of_torchs_that_is_given_has_its_known_defects() -> None:
    (defect,) = (d for d in load(SHIPPED) if d.name.startswith("conv-transpose2d-third-order"))
    here = {"torch": "2.13.0"}
    named = ["torch.nn:ConvTranspose2d", "torch.nn.modules.conv:ConvTranspose2d"]
    assert [defect.applies(name, here) for name in (*named, "mine:ConvTranspose2d")] == [
        True,
        True,
        False,
    ]
