from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conv_reference.geometry import Geometry
from conv_reference.verification.known.known import (
    SHIPPED,
    Defect,
    KnownError,
    first_match,
    load,
)
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement, Quantity
from conv_reference.verification.model.result import Verdict

DEFECT = Defect(
    name="depthwise",
    summary="dK is wrong.",
    link="docs/found/depthwise.md",
    date="2026-11-24",
    targets=("torch.nn.functional:conv2d", "torch.nn"),
    checks=("grad_weight",),
    quantities=("dK",),
    verdicts=("wrong",),
    dtypes=("float32", "bfloat16"),
    layouts=("input=sliced", "weight=strided"),
    torch=("2.13.", "2.12."),
    environment=("cpu=avx2", "cpu!=amx", "oneDNN=on"),
    geometry="n > 1 and g == c",
)
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
    anything = Defect("a", "b", "c", "d", targets=("",))
    assert anything.applies("mine:conv2d", {})
    assert anything.matches(CASE, JUDGEMENT)


def test_every_size_can_be_named() -> None:
    geometry = Geometry.parse("n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1x2 g2")
    text = (
        "n == 2 and c == 4 and h == 8 and w == 9 and o == 6 and kh == 3 and kw == 2 and sh == 2 "
        "and sw == 1 and ph == 1 and pw == 0 and dh == 1 and dw == 2 and g == 2 and oh == 4 "
        "and ow == 7 and rh == 1 and rw == 0"
    )
    named = Defect("a", "b", "c", "d", targets=("",), geometry=text)
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
            geometry="n > 1 and g == c",
        ),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[defect", "known.toml is no TOML: "),
        ("[defect]\nname = 'a'", "not a list of known defects, [[defect]]: {'name': 'a'}"),
        (ENTRY + "colour = 'red'", "known.toml: not a field of a known defect: ['colour']"),
        (ENTRY.replace("link", "#"), "known.toml: a known defect lacks link"),
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
    narrow = replace(DEFECT, quantities=("dK mapped over X",))

    assert DEFECT.matches(CASE, plain)
    assert DEFECT.matches(CASE, mapped)
    assert narrow.matches(CASE, mapped)
    assert not narrow.matches(CASE, plain)
