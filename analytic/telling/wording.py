"""The sentences of the derivation, each fitted to its geometry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analytic.calculus.axis import Pair
from analytic.calculus.closed_form import ClosedForm
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Expr, Symbol, Tensor
from analytic.calculus.plane import Sides
from analytic.telling.document import Formula
from analytic.telling.formulas import whole
from analytic.telling.message import Message, _, _n

_MOST_PAIRS = 4  # of outputs and kernel elements, in one sentence


def title(geometry: Geometry) -> Message:
    """What is derived."""
    return _(
        "The gradients of a convolution: input {input}, kernel {kernel}",
        input=size_text(geometry.input),
        kernel=size_text(geometry.kernel),
    )


def facts(geometry: Geometry) -> Iterator[Message]:
    """The sizes that are not the plainest."""
    if geometry.stride != (1, 1):
        yield _("stride {size}", size=both(geometry.stride))
    if any(geometry.sides):
        yield _padding(geometry.sides)
    if geometry.dilation != (1, 1):
        yield _("dilation {size}", size=both(geometry.dilation))
    if geometry.batch > 1:
        yield _n("{number} sample", "{number} samples", geometry.batch)
    if geometry.in_channels > 1 or geometry.out_channels > 1:
        yield _n("{number} input channel", "{number} input channels", geometry.in_channels)
        yield _n("{number} output channel", "{number} output channels", geometry.out_channels)
    if geometry.groups > 1:
        yield _n("{number} group", "{number} groups", geometry.groups)
    if geometry.bias:
        yield _("with bias")
    yield _("output {size}", size=size_text(geometry.output))


def definition(geometry: Geometry, X: Symbol, K: Symbol, Y: Symbol) -> Message:
    """How an output comes about."""
    if geometry.stride == (1, 1):
        return _(
            "{K} slides over {X}. At each stop, elements that lie on top of each other are "
            "multiplied and the products are summed: that is one element of {Y}.",
            K=K,
            X=X,
            Y=Y,
        )
    return _(
        "{K} slides over {X}, {down} down and {right} to the right at a time. At each "
        "stop, elements that lie on top of each other are multiplied and the products are "
        "summed: that is one element of {Y}.",
        K=K,
        X=X,
        Y=Y,
        down=geometry.stride[0],
        right=geometry.stride[1],
    )


def times(count: int) -> Message:
    """How often a pixel takes part, as the name of a case."""
    if count == 0:
        return _("never")
    if count == 1:
        return _("once")
    if count == 2:
        return _("twice")
    return _n("{number} time", "{number} times", count)


def cases(geometry: Geometry, X: Symbol) -> Message:
    """What the cases are."""
    if geometry.group_outputs == 1:
        return _(
            "Each pixel of {X} takes part in as many outputs as its column has entries other "
            "than 0.",
            X=X,
        )
    return _n(
        "Each pixel of {X} takes part in as many outputs as its column has entries other "
        "than 0: at the positions counted here, in {number} output channel.",
        "Each pixel of {X} takes part in as many outputs as its column has entries other "
        "than 0: at the positions counted here, in each of {number} output channels.",
        geometry.group_outputs,
        X=X,
    )


def unseen() -> Message:
    """Why some pixels take part in no output."""
    return _(
        "Some pixels lie under no element of the kernel at any stop: stride or dilation steps over "
        "them, or the last stop ends before them. No output sees these."
    )


def case_heading(count: int) -> Message:
    """The heading of one case's formulas."""
    if count == 0:
        return _("The derivative with respect to pixels that never take part is 0.")
    if count == 1:
        return _("Pixels that take part once:")
    if count == 2:
        return _("Pixels that take part twice:")
    return _n(
        "Pixels that take part {number} time:", "Pixels that take part {number} times:", count
    )


def seen(pixel: Symbol, pairs: Sequence[tuple[Symbol, Symbol]], gradient: Formula) -> Message:
    """One pixel of a case: which outputs see it, each through which kernel element.

    Args:
        pixel: An element of X.
        pairs: Output and kernel element, 1 or more.
        gradient: The pixel's gradient.
    """
    through = [_("by {output} through {tap}", output=y, tap=k) for y, k in pairs]
    if len(through) > _MOST_PAIRS:
        return _(
            "{pixel} is seen {first}, {second} and so on, the last time {last}: {number} terms "
            "of {derivative}, one for each.",
            pixel=pixel,
            first=through[0],
            second=through[1],
            last=through[-1],
            number=len(through),
            derivative=gradient.sides[0],
        )
    listed = through[0]
    for further in through[1:-1]:
        listed = _("{one}, {other}", one=listed, other=further)
    if len(through) > 1:
        listed = _("{one} and {other}", one=listed, other=through[-1])
    return _("{pixel} is seen {pairs}, so {formula}.", pixel=pixel, pairs=listed, formula=gradient)


def kernel_substitution(output: Expr, tap: Expr, pixel: Expr, derivative: Formula) -> Message:
    """What is put into the chain rule for the kernel."""
    return _(
        "In {output}, {tap} multiplies {pixel}. So {derivative}, which is put in:",
        output=output,
        tap=tap,
        pixel=pixel,
        derivative=derivative,
    )


def input_substitution(
    output: Expr, tap: Expr, pixel: Expr, K: Symbol, indices: tuple[Formula, ...]
) -> Message:
    """What is put into the chain rule for the input: the index of the output that sees a pixel."""
    u, v, i, j = indices
    return _(
        "{output} sees {pixel} through {tap} where {u} and {v}; that is, where {i} and {j}. With "
        "these put in, the sum counts the elements of {K}:",
        output=output,
        pixel=pixel,
        tap=tap,
        u=u,
        v=v,
        i=i,
        j=j,
        K=K,
    )


def kernel_statement(X: Symbol, G: Symbol) -> Message:
    """What the kernel's gradient turns out to be."""
    return _("This is the cross-correlation of {X} with {G}.", X=X, G=G)


def input_statement(G: Symbol, K: Symbol) -> Message:
    """What the input's gradient turns out to be."""
    return _(
        "This is the full convolution of {G} with {K}; that is, the cross-correlation of {G}, "
        "with zeros around it, with the flipped {K}.",
        G=G,
        K=K,
    )


def input_condition(G: Symbol, places: tuple[Formula, Formula]) -> Message:
    """Which terms of the index formula are there."""
    return _(
        "Only those terms count whose index is whole and within {G}'s grid: {rows} and {columns}.",
        G=G,
        rows=places[0],
        columns=places[1],
    )


def bias_statement(G: Symbol) -> Message:
    """What the bias's gradient turns out to be."""
    return _("This is the sum of {G} over samples and positions.", G=G)


def second_order(S: Symbol, G: Symbol, X: Symbol, K: Symbol) -> Message:
    """Where the second order comes from."""
    return _(
        "The gradients are functions, too: of {G}, {X} and {K}. Pair each with what comes down "
        "for it from above, and differentiate the sum {S}:",
        S=S,
        G=G,
        X=X,
        K=K,
    )


def by_upstream(G: Symbol, pairs: Sequence[tuple[Tensor, Tensor]]) -> Message:
    """The gradient of S by ∂C/∂Y: two forward passes, and the bias's direction."""
    (V, X), (W, K) = pairs[:2]
    letters = {"G": G, "V": whole(V), "X": whole(X), "W": whole(W), "K": whole(K)}
    if len(pairs) == 2:
        return _(
            "With respect to {G}: the forward pass of {V} with {K} plus that of {X} with {W}.",
            **letters,
        )
    return _(
        "With respect to {G}: the forward pass of {V} with {K} plus that of {X} with {W}, "
        "plus {Z} as the bias.",
        **letters,
        Z=whole(pairs[2][0]),
    )


def by_input(X: Symbol, K: Symbol, W: Symbol) -> Message:
    """The gradient of S by X."""
    return _(
        "With respect to {X}: the input's gradient again, with {W} in the place of {K}.",
        X=X,
        K=K,
        W=W,
    )


def by_kernel(K: Symbol, X: Symbol, V: Symbol) -> Message:
    """The gradient of S by K."""
    return _(
        "With respect to {K}: the kernel's gradient again, with {V} in the place of {X}.",
        K=K,
        X=X,
        V=V,
    )


def verdict(form: ClosedForm) -> Message:
    """What the check gave."""
    number = len(form.elements)
    if form.holds:
        return _n(
            "Checked symbol by symbol: the same element as above.",
            "Checked symbol by symbol: the same {number} elements as above.",
            number,
        )
    return _("Refuted: the elements above are others.")


def size_text(size: Pair) -> str:
    """Rows × columns."""
    return f"{size[0]}×{size[1]}"


def both(size: Pair) -> str:
    """One number where rows and columns agree."""
    return str(size[0]) if size[0] == size[1] else size_text(size)


def _padding(sides: Sides) -> Message:
    top, bottom, left, right = sides
    if (top, left) == (bottom, right):
        return _("padding {size}", size=both((top, left)))
    return _(
        "padding {top} at the top, {bottom} at the bottom, {left} on the left, {right} on the "
        "right",
        top=top,
        bottom=bottom,
        left=left,
        right=right,
    )
