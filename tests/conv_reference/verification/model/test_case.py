from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries
from conv_reference.verification.model.case import (
    DTYPES,
    LAYOUT_FIELDS,
    SUBSETS,
    Case,
    Layout,
    Values,
    dtype_name,
    dtype_named,
)

LAYOUTS = st.sampled_from(Layout)
CASES = st.builds(
    Case,
    check=st.sampled_from(["certificate", "vmap", "no_such_check"]),
    geometry=geometries(),
    dtype=st.sampled_from(list(DTYPES.values())),
    values=st.sampled_from(Values),
    input_layout=LAYOUTS,
    weight_layout=LAYOUTS,
    grad_output_layout=LAYOUTS,
    requires_grad=st.sampled_from(SUBSETS),
    bias=st.booleans(),
)
PIXEL = Geometry.parse("h1 w1 k1")


@given(CASES)
def test_the_text_form_parses_back(case: Case) -> None:
    assert Case.parse(str(case)) == case


@given(CASES, CASES)
def test_different_cases_have_different_texts(first: Case, second: Case) -> None:
    assert (str(first) == str(second)) == (first == second)


def test_the_text_names_what_is_not_the_default_and_nothing_else() -> None:
    plain = Case(check="certificate", geometry=PIXEL)
    other = Case(
        check="certificate",
        geometry=PIXEL,
        dtype=torch.bfloat16,
        values=Values.HEAVY_WEIGHT,
        input_layout=Layout.SLICED,
        grad_output_layout=Layout.EXPANDED,
        requires_grad="",
        bias=False,
    )

    assert str(plain) == "certificate float32 n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"
    assert str(other) == (
        "certificate bfloat16 n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1 "
        "X=sliced G=expanded values=heavy_weight grad= nobias"
    )


def test_the_order_of_words_after_the_dtype_is_free() -> None:
    text = "certificate float64 grad=XK k1x2 nobias w3 X=sliced h2"
    assert Case.parse(text) == Case.parse("certificate float64 h2 w3 k1x2 X=sliced grad=XK nobias")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a case: ''; accepted is a check, a dtype and a geometry, like "),
        ("rubbish", "not a case: 'rubbish'; accepted is a check, a dtype and a geometry, like "),
        (
            "certificate int8 h1 w1 k1",
            "dtype must be one of .*, got 'int8' in the case 'certificate int8 .*'; accepted is a ",
        ),
        ("certificate float32", "the geometry '' lacks h, w, k"),
        ("certificate float32 h1 w1 k2", "the kernel must fit into the padded input"),
        (
            "certificate float32 h1 w1 k1 X=diagonal",
            "not one of contiguous, .*, expanded: 'diagonal' in the case 'certificate .*'",
        ),
        ("certificate float32 h1 w1 k1 values=big", "not one of balanced, .*: 'big' in the case"),
        ("certificate float32 h1 w1 k1 grad=KX", "requires_grad must be a part of 'XKb', got 'KX'"),
        ("certificate float32 h1 w1 k1 Q=sliced", "not a part of a geometry: 'Q=sliced'"),
    ],
    ids=[
        "nothing", "no dtype", "dtype", "no geometry", "no convolution", "layout", "values",
        "gradients", "foreign word",
    ],
)  # fmt: skip
def test_what_is_no_case_is_refused_by_the_part(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Case.parse(text)


def test_the_case_that_a_refusal_gives_as_an_example_is_one() -> None:
    with pytest.raises(ValueError, match="not a case") as refused:
        Case.parse("")
    example = str(refused.value).split("'")[-2]
    assert Case.parse(example).check == "certificate"


def test_the_layout_names_the_operands_that_are_not_contiguous() -> None:
    plain = Case(check="certificate", geometry=PIXEL)
    other = Case(
        check="certificate",
        geometry=PIXEL,
        input_layout=Layout.STRIDED,
        grad_output_layout=Layout.EXPANDED,
    )

    assert plain.layout == "contiguous"
    assert other.layout == "input=strided grad_output=expanded"
    assert other.shown_layout == "X=strided G=expanded"  # a report has one word for one thing


def test_each_operand_is_the_heavy_one_of_one_choice_of_values() -> None:
    heavy = {values.heavy for values in Values} - {None}
    assert heavy == {"input", "weight", "grad_output"}
    assert Values.BALANCED.heavy is None


@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_is_named_as_torch_names_it(name: str) -> None:
    dtype: Any = getattr(torch, name)
    assert dtype_named(name) is dtype
    assert dtype_name(dtype) == name


def test_a_dtype_without_a_name_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ValueError, match=f"^dtype must be one of {', '.join(DTYPES)}, got 'int8'$"):
        dtype_named("int8")


def test_another_geometry_changes_nothing_else() -> None:
    case = Case.parse("certificate float64 h2 w3 k1x2 K=strided grad=X nobias")
    assert str(case.on(PIXEL)) == re.sub(r"h2 w3 o1 k1x2", "h1 w1 o1 k1x1", str(case))


def test_operands_are_laid_out_by_role() -> None:
    case = Case.parse("certificate float32 h2 w3 k1 X=sliced G=expanded")

    assert case.layouts == {"input": "sliced", "weight": "contiguous", "grad_output": "expanded"}
    assert case.layouts_by_letter == {"X": "sliced", "K": "contiguous", "G": "expanded"}
    assert str(case.laid_out({"weight": Layout.ROWS, "input": Layout.CONTIGUOUS})).endswith(
        "K=rows G=expanded"
    )
    assert case.without(Layout.EXPANDED).layout == "input=sliced"
    assert case.contiguous().layout == "contiguous"


def test_each_layout_is_a_field_of_the_case() -> None:
    names = [field.name for field in fields(Case) if field.type == "Layout"]

    assert names == [*LAYOUT_FIELDS.values()]
