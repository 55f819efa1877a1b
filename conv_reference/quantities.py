"""What is bilinear in what: one trilinear form, its derivatives, and the operators made of them.

T(X, K, G) = ⟨G, conv(X, K)⟩ is linear in each of its three operands. Its derivative in one of
them, at the other two, is a face of it: Y = ∂T/∂G, dX = ∂T/∂X, dK = ∂T/∂K. An operator hands back
one face and is differentiated in the other two operands: so each face is the oracle of the
others' gradients, and of every further derivative, which are faces again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from conv_reference.geometry import SHAPES, Geometry, Role
from conv_reference.padding_modes import most_copies

if TYPE_CHECKING:  # so that reports are read and written without torch
    from torch import Tensor

ROLES: tuple[Role, ...] = ("input", "weight", "grad_output")
LETTERS: Mapping[str, str] = MappingProxyType(
    {"input": "X", "weight": "K", "bias": "b", "grad_output": "G"}
)  # of an operand, by its role
ROLE_OF: Mapping[str, str] = MappingProxyType({letter: role for role, letter in LETTERS.items()})


@dataclass(frozen=True)
class Quantity:
    """One of the first order: what an operator hands back, or a gradient of it."""

    name: str  # Y, dX, dK or db
    of: str  # the operand in which it is the derivative, and whose shape it has
    # The operands in which it is linear each, in the order in which formulas name them; of db one.
    factors: tuple[Role, ...]
    image: Role  # the factor that the other slides over
    row: str  # of the report's certificate

    @property
    def leaf(self) -> str:
        """The letter of the operand whose gradient it is; empty for Y, which is none's."""
        return self.name[1:]

    @property
    def other(self) -> tuple[Role, ...]:
        """The factors beside the image: one, or of db none."""
        return tuple(role for role in self.factors if role != self.image)

    @property
    def letters(self) -> str:
        """The letters of what it is a function of: "KX" for Y."""
        return "".join(LETTERS[role] for role in self.factors)

    def formula(self, moved: Mapping[str, str] = MappingProxyType({})) -> str:
        """As a function of its factors, some of them under another letter.

        >>> QUANTITIES["dX"].formula({"weight": "W"})
        'dX(G, W)'
        """
        letters = (moved.get(role, LETTERS[role]) for role in sorted(self.factors))
        return f"{self.name}({', '.join(letters)})"


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        q.name: q
        for q in (
            Quantity("Y", "grad_output", ("weight", "input"), "input", "forward"),
            Quantity("dX", "input", ("grad_output", "weight"), "grad_output", "grad_input"),
            Quantity("dK", "weight", ("grad_output", "input"), "input", "grad_weight"),
            Quantity("db", "bias", ("grad_output",), "grad_output", "grad_bias"),
        )
    }
)
FIRST_ORDER = tuple(QUANTITIES)
GRADIENTS = tuple(name for name, quantity in QUANTITIES.items() if quantity.leaf)
QUANTITY_OF: Mapping[str, str] = MappingProxyType({q.of: q.name for q in QUANTITIES.values()})

# What torch's conv2d takes after input and weight, and a layer's constructor may take.
OPTIONS = ("bias", "stride", "padding", "dilation", "groups")


@dataclass(frozen=True, eq=False)
class Operator:
    """Which face of the form a function hands back, which operands it takes, and how it is called.

    Its own X, K and G stand in the places of the form's. All that is bilinear stays so under
    another order of the operands, so that ``QUANTITIES`` holds of every operator.
    """

    name: str
    places: tuple[Role, Role, Role]  # of the form: those of its own X, K and G
    has_bias: bool = True  # whether one number for each of Y's channels may be added
    meaning: str = ""  # how a geometry is to be read, where it is not the operator's own
    options: tuple[str, ...] = OPTIONS  # what torch's function takes after X and K, in its order
    # Whether it is called as torch.nn.grad's functions: with the form's operands in their order,
    # and with the size of its own output in place of that output.
    is_sized: bool = False

    @property
    def is_convolution(self) -> bool:
        """Whether it slides its own K over its own X: its Y is the form's."""
        return self.places == ROLES

    @property
    def is_transposed(self) -> bool:
        """Whether its X has the channels of the kernel's first dimension, as a convolution's Y."""
        return self.places[0] == "grad_output"

    def place(self, role: str) -> Role:
        """The form's operand that one of the operator's own stands for."""
        return self._places[role]

    def face(self, quantity: str) -> str:
        """The form's quantity that one of the operator's own is; db is its own."""
        return "db" if quantity == "db" else QUANTITY_OF[self._places[QUANTITIES[quantity].of]]

    def shape(self, role: str, geometry: Geometry) -> tuple[int, ...]:
        """The shape of one of the operator's own operands; a gradient has that of its operand."""
        if role == "bias":
            return (self.shape("grad_output", geometry)[1],)
        return SHAPES[self._places[role]](geometry)

    def products(self, quantity: str, geometry: Geometry) -> int:
        """The most products that one element adds up; of db, the most numbers."""
        if quantity == "db":
            batch, _, height, width = self.shape("grad_output", geometry)
            return batch * height * width
        return _form_products(geometry)[ROLES.index(self._places[QUANTITIES[quantity].of])]

    def terms(self, quantity: str, geometry: Geometry) -> int:
        """The most terms of one element: the products, of Y the bias, too; at least 1."""
        bias = quantity == "Y" and self.has_bias
        return max(1, self.products(quantity, geometry) + bias)

    def longest_sum(self, geometry: Geometry) -> int:
        """The most terms that one element of Y (with its bias) or of a gradient adds up."""
        # Asked for each geometry of a plan, so without a look-up for each quantity.
        products = _form_products(geometry)
        if not self.has_bias:
            return max(*products, 1)
        output = products[self._output]
        return max(*products, output + 1, self.products("db", geometry))

    def first(self, quantity: str, operands: Mapping[str, Tensor], geometry: Geometry) -> Tensor:
        """Y, dX, dK or db, by the oracle.

        Args:
            quantity: its name.
            operands: the operator's own, by role; without a bias, Y has none. Those that the
                quantity is no function of are not read.
            geometry: the sizes of the form.
        """
        if quantity == "db":
            return _oracle().grad_bias(operands["grad_output"])  # type: ignore[no-any-return]  # of a module
        function, left, right = self._faces[QUANTITIES[quantity].of]
        value = function(operands[left], operands[right], geometry)
        return _biased(value, operands) if quantity == "Y" else value

    def second(
        self,
        quantity: str,
        operands: Mapping[str, Tensor],
        directions: Mapping[str, Tensor],
        geometry: Geometry,
    ) -> Tensor:
        """The derivative of Y, dX, dK or db along directions of the operands.

        It is the product rule's sum, and by the symmetry of second derivatives it is a double
        backward pass, a tangent or a product with a Hessian, whichever is asked for.

        Args:
            quantity: its name.
            operands: the operator's own, by role, as far as the sum reads them.
            directions: in which they move, by role; those that are not there stand still.
            geometry: the sizes of the form.
        """
        if quantity == "db":
            G = operands["grad_output"]
            db: Tensor = _oracle().grad_bias(directions.get("grad_output", G.new_zeros(G.shape)))
            return db
        value = _oracle().second_order(
            self._places[QUANTITIES[quantity].of],
            {self._places[role]: tensor for role, tensor in operands.items() if role != "bias"},
            {self._places[role]: tensor for role, tensor in directions.items() if role != "bias"},
            geometry,
        )
        return _biased(value, directions) if quantity == "Y" else value

    @cached_property
    def _output(self) -> int:
        return ROLES.index(self.places[-1])

    @cached_property
    def _places(self) -> dict[str, Role]:
        return dict(zip(ROLES, self.places, strict=True))

    @cached_property
    def _faces(self) -> dict[str, tuple[Callable[..., Tensor], Role, Role]]:
        """The oracle of the derivative in each operand, and the roles of its two arguments."""
        own = {place: role for role, place in zip(ROLES, self.places, strict=True)}
        found = {}
        for role, place in self._places.items():
            function, left, right = _oracle().FACES[place]
            found[role] = (function, own[left], own[right])
        return found

    def __reduce__(self) -> tuple[Callable[[str], Operator], tuple[str]]:
        return operator_named, (self.name,)


@cache
def _oracle() -> ModuleType:
    """The oracle, loaded when it is first used: a process that only calls a target holds none."""
    from conv_reference import functional  # noqa: PLC0415 (see above)

    return functional


def _biased(Y: Tensor, operands: Mapping[str, Tensor]) -> Tensor:
    """With one number for each channel, where there is a bias."""
    return Y + operands["bias"][:, None, None] if "bias" in operands else Y


def operator_named(name: str) -> Operator:
    """The operator of this name.

    Raises:
        ValueError: when there is none; says which there are.
    """
    if name not in OPERATORS:
        raise ValueError(f"operator must be one of {', '.join(OPERATORS)}, got {name!r}")
    return OPERATORS[name]


def _form_products(geometry: Geometry) -> tuple[int, int, int]:
    """The most products in one element of the derivative in X, in K and in G."""
    kh, kw = geometry.kernel_size
    oh, ow = geometry.output_size
    taps, groups = kh * kw, geometry.groups
    copies = 1
    if geometry.padding_mode != "zeros":
        for size, sides in zip(geometry.input_size, geometry.padding, strict=True):
            copies *= most_copies(size, sides, geometry.padding_mode)
    return (
        geometry.out_channels // groups * taps * copies,
        geometry.batch * oh * ow,
        geometry.in_channels // groups * taps,
    )


CONV2D = Operator("conv2d", ("input", "weight", "grad_output"))
CONV_TRANSPOSE2D = Operator(
    "conv_transpose2d",
    ("grad_output", "weight", "input"),
    meaning="a geometry is that of the convolution whose output is X and whose input is Y: "
    "c, h and w are Y's, o is X's, and rows and columns that no stride reaches are the output "
    "padding",
    options=("bias", "stride", "padding", "output_padding", "groups", "dilation"),
)
# torch.nn.grad's: of the input and G, and of G and the kernel.
CONV2D_WEIGHT = Operator(
    "conv2d_weight",
    ("input", "grad_output", "weight"),
    has_bias=False,
    meaning="X is the convolution's input, K its grad_output, Y the gradient of its kernel",
    options=OPTIONS[1:],
    is_sized=True,
)
CONV2D_INPUT = Operator(
    "conv2d_input",
    ("grad_output", "weight", "input"),
    has_bias=False,
    meaning="X is the convolution's grad_output, K its kernel, Y the gradient of its input",
    options=OPTIONS[1:],
    is_sized=True,
)
_ALL = (
    CONV2D,
    CONV_TRANSPOSE2D,
    CONV2D_WEIGHT,
    CONV2D_INPUT,
)
OPERATORS: Mapping[str, Operator] = MappingProxyType({o.name: o for o in _ALL})
