from __future__ import annotations

import pytest
from sympy import Matrix, S, SparseMatrix, Symbol

from analytic import Geometry, Names, jacobian
from analytic.calculus.closed_form import equal
from analytic.calculus.definition import definition
from analytic.calculus.differentiation import chain_rule, derivatives, differentiate, gradients
from analytic.calculus.notation import Tensor, product, total
from analytic.calculus.tensors import Tensors

X, K, G = map(Symbol, "XKG")

GEOMETRIES = {
    "chapter": Geometry((2, 3), (1, 2)),
    "strided": Geometry((4, 3), (2, 3), stride=(2, 1), padding=1),
    "dilated": Geometry(4, 2, dilation=2, padding=(0, 1, 2, 0)),
    "grouped": Geometry(3, 2, batch=2, in_channels=2, out_channels=4, groups=2, bias=True),
}


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("by", ["X", "K", "b"])
def test_the_jacobian_is_that_of_sympy(geometry: Geometry, by: str) -> None:
    tensors = Tensors.make(geometry, Names())
    variable = getattr(tensors, by)
    if variable is None:
        with pytest.raises(ValueError, match=r"^by must be one of X, K, not 'b'$"):
            jacobian(geometry, by)
        return
    Y = definition(geometry, tensors.X, tensors.K, tensors.b)
    found = jacobian(geometry, by)
    assert isinstance(found, SparseMatrix)
    assert found == Matrix(list(Y.values())).jacobian(list(variable.symbols.values()))


def test_there_is_no_jacobian_by_another_letter() -> None:
    with pytest.raises(ValueError, match=r"^by must be one of X, K, b, not 'Y'$"):
        jacobian(Geometry(2, 1, bias=True), "Y")


def test_the_letters_of_a_jacobian_can_be_chosen() -> None:
    assert jacobian(Geometry(1, 1), "X", names=Names(kernel="W", kernel_upstream="Q"))[0] == Symbol(
        "W_{0,0}"
    )


def test_a_jacobian_is_sparse() -> None:
    assert jacobian(Geometry(8, 3), "X").nnz() == 6 * 6 * 9


@pytest.mark.parametrize(
    "term",
    [product(X, K), product(X, K, G), X, X**2 * K, 3 * X * K, X * (K + G), S(5), X * X],
    ids=str,
)
def test_the_derivatives_of_a_term_are_those_of_sympy(term: Symbol) -> None:
    found: dict[str, Symbol] = {"X": S.Zero, "K": S.Zero}
    for key, slope in derivatives(term, {X: "X", K: "K"}):
        found[key] += slope
    assert found == {"X": term.diff(X), "K": term.diff(K)}


def test_a_repeated_factor_counts_at_each_of_its_places() -> None:
    squared = product(X, K).func(X, X, K, evaluate=False)
    assert equal(sum(slope for _key, slope in derivatives(squared, {X: 0})), 2 * X * K)


def test_terms_with_one_variable_add_up() -> None:
    A = Tensor.make("A", (1, 1, 1, 2))
    first, second = A.symbols.values()
    weighted = [(K, first), (G, first), (K, second), (X, product(second, G))]
    (by,) = gradients(weighted, [A])
    assert by == {(0, 0, 0, 0): total([K, G]), (0, 0, 0, 1): total([K, product(G, X)])}
    (by_none,) = gradients([], [A])
    assert set(by_none.values()) == {S.Zero}


def test_a_sum_may_be_differentiated_by_several_tensors_at_once() -> None:
    A, B = Tensor.make("A", (1, 1, 1, 1)), Tensor.make("B", (1, 1, 1, 1))
    a, b = A[0, 0, 0, 0], B[0, 0, 0, 0]
    by_a, by_b = gradients([(K, product(a, b)), (X, 3 * a**2)], [A, B])
    assert equal(by_a[0, 0, 0, 0], K * b + 6 * X * a)
    assert by_b[0, 0, 0, 0] == product(K, a)


def test_an_output_may_hold_a_variable_in_several_terms() -> None:
    """A convolution's never does, but what is differentiated here need not be one."""
    A, B = Tensor.make("A", (1, 1, 1, 1)), Tensor.make("B", (1, 1, 1, 1))
    (a,) = A.symbols.values()
    (jacobian_,) = differentiate({(0, 0, 0, 0): total([product(a, K), product(a, X)])}, B, [A])
    assert jacobian_.entries == {((0, 0, 0, 0), (0, 0, 0, 0)): total([K, X])}


def test_the_chain_rule_is_the_product_with_the_matrix() -> None:
    geometry = Geometry((3, 4), 2, stride=(1, 2), padding=1)
    tensors = Tensors.make(geometry, Names())
    Y = definition(geometry, tensors.X, tensors.K, None)
    (by_input,) = differentiate(Y, tensors.Y, [tensors.X])
    row = Matrix([list(tensors.G.symbols.values())])
    product_with_matrix = row * by_input.matrix
    found = Matrix([list(chain_rule(tensors.G, by_input).values())])
    assert (found - product_with_matrix).expand() == Matrix.zeros(1, 12)


def test_rows_and_columns_hold_the_same_entries() -> None:
    geometry = Geometry((2, 3), (1, 2))
    tensors = Tensors.make(geometry, Names())
    (by_kernel,) = differentiate(
        definition(geometry, tensors.X, tensors.K, None), tensors.Y, [tensors.K]
    )
    assert by_kernel.shape == (4, 2)
    by_rows = {(r, c): e for r, entries in by_kernel.rows.items() for c, e in entries.items()}
    by_columns = {(r, c): e for c, entries in by_kernel.columns.items() for r, e in entries.items()}
    assert by_rows == by_columns == dict(by_kernel.entries)


def test_a_sum_of_one_is_itself() -> None:
    assert total([product(X, K)]) is product(K, X)
