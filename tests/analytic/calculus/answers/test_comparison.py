"""A right formula is called right, and a mistake in it by its name, for any geometry."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytic import Geometry, Names, derive, parse_geometry
from analytic.calculus.answers.comparison import Difference, compare
from analytic.calculus.answers.polynomial import Monomial, elements_of, polynomial_of
from analytic.calculus.answers.scanning import AnswerError
from analytic.calculus.answers.target import roles
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Expr, Index, Tensor

CHAPTER = derive(Geometry((2, 3), (1, 2)))
TEXTS = [
    "h2 w3 k1x2",
    "h4 w4 k2",
    "h3 w4 k2 s1x2 p1",
    "h5 w2 k2x1 d2x1 p0:1x1:0",
    "n2 c2 h2 w3 o2 k1x2",
    "c4 h2 w2 o2 k2 p1 g2",
]


@lru_cache
def gradients_of(text: str) -> Gradients:
    return Gradients.of(parse_geometry(text, bias=True), Names())


def claims(g: Gradients) -> dict[str, tuple[Tensor, Any]]:
    assert g.b is not None
    assert g.gradient_bias is not None
    return {
        "Y": (g.Y, g.output),
        "dX": (g.X, g.gradient_input.elements),
        "dK": (g.K, g.gradient_kernel.elements),
        "db": (g.b, g.gradient_bias.elements),
    }


Claim = tuple[Gradients, str, Index, list[Monomial]]


@st.composite
def elements(draw: st.DrawFn) -> Claim:
    """An element of Y or of a gradient that is not 0, and its terms."""
    g = gradients_of(draw(st.sampled_from(TEXTS)))
    name = draw(st.sampled_from(["Y", "dX", "dK", "db"]))
    tensor, found = claims(g)[name]
    index = draw(st.sampled_from(list(tensor)))
    monomials = list(polynomial_of(found[index], symbols(g)))
    assume(monomials)
    return g, name, index, draw(st.permutations(monomials))


def symbols(g: Gradients) -> dict[Expr, Any]:
    return elements_of(dict(roles(g).values()))


def written(g: Gradients, name: str, index: Index, terms: list[Monomial]) -> str:
    tensor = claims(g)[name][0]
    return f"{name}{inner(tensor, index)} = " + (" + ".join(map(term, terms)) or "0")


def inner(tensor: Tensor, index: Index) -> str:
    shown = [str(i) for i, w in zip(index, tensor.written, strict=True) if w]
    return f"[{','.join(shown)}]"


def term(monomial: Monomial) -> str:
    """In full indices, which are taken, too."""
    return "*".join(f"{role}[{','.join(map(str, index))}]" for role, index in monomial)


def only(formula: str, g: Gradients) -> Difference:
    (difference,) = compare(formula, g).wrong
    return difference


@given(elements())
def test_a_right_element_is_right_in_any_order(claim: Claim) -> None:
    g, name, index, terms = claim
    found = compare(written(g, name, index, terms), g)
    assert found.holds
    assert found.elements == 1


@given(elements(), st.data())
def test_a_term_that_is_dropped_is_named(claim: Claim, data: st.DataObject) -> None:
    g, name, index, terms = claim
    dropped = data.draw(st.sampled_from(terms))
    left = [t for t in terms if t != dropped]
    assert only(written(g, name, index, left), g) == Difference((index,), ((dropped, Fraction(1)),))


@given(elements(), st.data())
def test_a_term_that_is_added_is_named(claim: Claim, data: st.DataObject) -> None:
    g, name, index, terms = claim
    added = data.draw(monomials(g))
    assume(added not in terms)
    found = only(written(g, name, index, [*terms, added]), g)
    assert found == Difference((index,), (), ((added, Fraction(1)),))


@given(elements(), st.data())
def test_a_term_that_stands_twice_is_named(claim: Claim, data: st.DataObject) -> None:
    g, name, index, terms = claim
    again = data.draw(st.sampled_from(terms))
    found = only(written(g, name, index, [*terms, again]), g)
    assert found == Difference((index,), miscounted=(((again, Fraction(1)), Fraction(2)),))


@given(elements(), st.data())
def test_another_index_is_named_with_the_right_one(claim: Claim, data: st.DataObject) -> None:
    g, name, index, terms = claim
    place = data.draw(st.integers(0, len(terms) - 1))
    changed = data.draw(other_indices(g, terms[place]))
    assume(changed not in terms)
    claimed = [*terms[:place], changed, *terms[place + 1 :]]

    found = only(written(g, name, index, claimed), g)

    assert found == Difference((index,), moved=((changed, terms[place]),))


def monomials(g: Gradients) -> st.SearchStrategy[Monomial]:
    listed = [(role, index) for role, tensor in dict(roles(g).values()).items() for index in tensor]
    return st.lists(st.sampled_from(listed), min_size=1, max_size=2).map(lambda m: tuple(sorted(m)))


def other_indices(g: Gradients, monomial: Monomial) -> st.SearchStrategy[Monomial]:
    """The same but for the indices of one factor."""
    tensors = dict(roles(g).values())

    def changed() -> Iterator[Monomial]:
        for place, (role, index) in enumerate(monomial):
            for other in tensors[role]:
                if other != index:
                    yield (*monomial[:place], (role, other), *monomial[place + 1 :])

    listed = list(changed())
    return st.sampled_from(listed) if listed else st.nothing()


@settings(max_examples=20)
@given(st.sampled_from(TEXTS))
def test_the_matrix_of_a_jacobian_is_right_until_one_cell_is_changed(text: str) -> None:
    g = gradients_of(text)
    for jacobian in (g.jacobian_kernel, g.jacobian_input):
        rows = [
            [cell(g, entries.get(column)) for column in jacobian.by]
            for entries in jacobian.rows.values()
        ]
        name = f"dY/d{jacobian.by.name}"
        assert compare(f"{name} = {matrix(rows)}", g).holds
        rows[-1][-1] += " + 7"
        (wrong,) = compare(f"{name} = {matrix(rows)}", g).wrong
        assert wrong.superfluous == (((), Fraction(7)),)
        assert wrong.place == (list(g.Y)[-1], list(jacobian.by)[-1])


def cell(g: Gradients, entry: Expr | None) -> str:
    return "0" if entry is None else term(next(iter(polynomial_of(entry, symbols(g)))))


def matrix(rows: list[list[str]]) -> str:
    return "[" + "; ".join(map(", ".join, rows)) + "]"


@pytest.mark.parametrize(
    "formula",
    [
        "Y[i,j] = sum(a,b) K[a,b]*X[i+a,j+b]",
        "Y[p,q] = sum(b,a) X[p+a,q+b] K[a,b]",
        "dK[a,b] = sum(i,j) G[i,j]*X[i+a,j+b]",
        "dK[a,b] = Σ(i=0..1,j=0..1) dC/dY[i,j] X[i+a,j+b]",
        "dX[u,v] = sum(a,b) G[u-a,v-b]*K[a,b]",
        "dX[u,v] = sum(i,j) G[i,j]*K[u-i,v-j]",
        "dX[1,v] = sum(b) G[1,v-b]*K[0,b]",
        "dX[0,1] = sum(b) G[0,1-b]*K[0,b]",
        "dY[i,j]/dK[a,b] = X[i+a,j+b]",
        "dY[i,j]/dX[u,v] = K[u-i,v-j]",
        "dY[0,0]/dX[0,2] = 0",
        "dX = [G00K00, G00K01+G01K00, G01K01; G10K00, G10K01+G11K00, G11K01]",
        "dX[0,1] = (G[0,0]*K[0,1] + G[0,1]*K[0,0]) / 1",
        "dX[0,1] = (2*G[0,0]*K[0,1] + 2 G[0,1]*K[0,0]) / 2",
        "dX[0,1] = dY[0,0]*K[0,1] + dC/dY01*K00",
    ],
)
def test_right_ones_of_the_chapter(formula: str) -> None:
    assert compare(formula, CHAPTER).holds


def test_a_term_with_two_other_indices_is_another_term() -> None:
    found = only("dX[0,1] = G[0,0]*K[0,1] + G[1,0]*K[0,1]", CHAPTER)
    assert not found.moved
    assert (len(found.lacking), len(found.superfluous)) == (1, 1)


@pytest.mark.parametrize(
    ("formula", "wrong", "elements"),
    [
        ("dX[u,v] = sum(a,b) G[u+a,v+b]*K[a,b]", 6, 6),  # not flipped
        ("dX[u,v] = sum(a,b) G[u-a,v-b]*K[a,1-b]", 6, 6),  # flipped twice
        ("Y[i,j] = sum(b=0..0) K[0,b]*X[i,j+b]", 4, 4),  # one tap too few
        ("dK[a,b] = sum(i,j) G[i,j]*X[i,j]", 1, 2),  # right for the first alone
        ("dX = [0, 0, G01K01; 0, 0, G11K01]", 4, 6),
        ("dX[0,1] = -G[0,0]*K[0,1] - G[0,1]*K[0,0]", 1, 1),
    ],
)
def test_wrong_ones_are_counted(formula: str, wrong: int, elements: int) -> None:
    found = compare(formula, CHAPTER)
    assert (len(found.wrong), found.elements) == (wrong, elements)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("dX[5,5] = 1", "there is no X[5,5]: X is 2×3, counted from 0"),
        ("dX[0,1/2] = 1", "there is no X[0,1/2]: X is 2×3, counted from 0"),
        ("dX = 3", "dX stands for 2×3 elements: write it with indices, or a matrix"),
        ("dX[0,0] = G[0,9]*K[0,0]", "there is no G[0,9]: G is 2×2, counted from 0"),
        ("dX[0,0] = G[0]*K[0,0]", "G must have 2 indices, got 1: G[0]"),
        ("dX[0,0] = G*K", "G must have indices: it is 2×2"),
        ("dX[0,0] = W[0,0]", "there is no 'W' here; accepted are elements of X, K, G, dY, and "),
        ("dX[0,0] = q", "there is no 'q' here"),
        ("dX[0,0] = G[0,q]", "made of numbers and no letters, got 'q'"),
        ("dX[u,0] = G[u,q]", "made of numbers and the letters u, got 'q'"),
        ("dX[0,0] = G00/0", "nothing can be divided by 0"),
        ("dX[0,0] = G00/K00", "made of numbers and no letters, got 'K'"),
        ("dX[0,0] = G[sum(a) 1,0]", "are numbers, got a sum"),
        ("dG[0,0] = X[0,0]", "the left side must be one of Y, dX, dK, dY/dK, dY/dX, an element"),
        ("dX/dY = [0]", "the left side must be one of"),
        ("dX = [1, 2]", "the matrix must be 2×3, got 1×2"),
        ("dY[0,0]/dK = [1, 2]", "the matrix of a Jacobian has no indices on the left side"),
        ("dX[0,0] = sum(a=0..999999999) a", "a sum must have at most 200,000 terms"),
        ("dX[0,0] = sum(a=0..999) sum(b=0..999) 1", "a sum must have at most 200 terms here"),
    ],
)  # fmt: skip
def test_what_claims_nothing_is_refused_in_one_line(formula: str, message: str) -> None:
    with pytest.raises(AnswerError) as caught:
        compare(formula, CHAPTER)
    assert message in str(caught.value)


def test_a_large_plane_is_not_tried_element_by_element() -> None:
    large = Gradients.of(Geometry(80, 1), Names())
    with pytest.raises(AnswerError, match="at most 5,000 elements, got 6,400"):
        compare("dX[u,v] = G[u,v]*K[0,0]", large)


def test_the_letters_are_those_that_the_user_chose() -> None:
    names = Names(input="A", kernel="ω", upstream="Up")
    g = Gradients.of(Geometry((2, 3), (1, 2)), names)
    assert compare("dA[0,1] = Up[0,0]*ω[0,1] + Up[0,1]*ω[0,0]", g).holds
    assert compare("∂C/∂ω[a,b] = Σ(i,j) Up[i,j] A[i+a,j+b]", g).holds


@given(st.text(alphabet="dXKGY01[](),=+-* absum/2..", max_size=30))
def test_whatever_is_written_is_compared_or_refused(text: str) -> None:
    assert "\n" not in (refusal(f"dX[0,1] = {text}") or "")


def refusal(formula: str) -> str | None:
    try:
        compare(formula, CHAPTER)
    except AnswerError as error:
        return str(error)
    return None
