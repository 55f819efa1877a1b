from __future__ import annotations

import re

import pytest

from conv_reference.verification.model.predicates import (
    PredicateError,
    evaluate,
    require_predicate,
)

SIZES = {"n": 2, "c": 6, "g": 3, "kh": 1, "kw": 4, "oh": 5}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n == 2", 1),
        ("n > 1 and g == c", 0),
        ("n > 1 or g == c", 1),
        ("not n > 1", 0),
        ("1 < n <= 2 < g", 1),
        ("1 < n < 2", 0),
        ("c // g == 2 and c % 4 == 2", 1),
        ("kh * kw - oh + n >= 1", 1),
        ("n != 2 or (kh == 1 and kw != 1)", 1),
    ],
)
def test_a_predicate_is_comparisons_and_integer_arithmetic(text: str, value: int) -> None:
    assert evaluate(text, SIZES) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "n >",
        "size == 1",
        "n in (1, 2)",
        "n / 2 == 1",
        "n ** 2 == 4",
        "-n < 1",
        "max(n, c) == 6",
        "n.bit_length() == 2",
        "__import__('os').system('true')",
        "'n' == 'n'",
        "1.5 < n",
        "[n]",
        "n if g else c",
        "(lambda: 1)()",
        "c // (n - 2) == 1",
        "n = 2",
    ],
)
def test_anything_else_is_refused_in_its_own_words(text: str) -> None:
    with pytest.raises(
        PredicateError, match=f"^not a predicate over sizes: {re.escape(repr(text))}$"
    ):
        evaluate(text, SIZES)


def test_a_size_that_is_named_as_elsewhere_is_recognised() -> None:
    accepted = "? accepted are comparisons"
    for text, meant in {"stride == 1": "sh or sw", "kernel_size > 1": "kh or kw"}.items():
        with pytest.raises(PredicateError, match=re.escape(f"; did you mean {meant}{accepted}")):
            require_predicate(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("foo > 1", ": there is no size 'foo'"),
        ("n > 1 or foo", ": there is no size 'foo'"),  # where evaluation would have stopped
        ("1", ": it names no size"),
        ("", ""),
        ("n >", ""),
        ("n == 'a'", ""),
        ("n > 0 or n.real", ""),
        ("n\0", ""),
    ],
)
def test_a_refusal_says_what_was_wrong_and_what_is_accepted(text: str, why: str) -> None:
    with pytest.raises(PredicateError) as raised:
        require_predicate(text)

    assert str(raised.value) == (
        f"not a predicate over sizes: {text!r}{why}; accepted are comparisons, and, or, not, "
        "+ - * // % and whole numbers, over n, c, h, w, o, kh, kw, sh, sw, ph, pw, dh, dw, g, oh, "
        "ow, rh, rw, blind_rows, blind_kernel_rows, blind_columns, blind_kernel_columns"
    )
