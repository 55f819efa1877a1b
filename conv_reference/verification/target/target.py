"""What is verified: its name, how it is called, and which cases it supports."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.geometry import Geometry, Pair
from conv_reference.operands import Operands, Role, can_be_exact
from conv_reference.padding_modes import Mode
from conv_reference.quantities import CONV2D, GRADIENTS, Operator
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.model.domain import EVERYWHERE, Domain, some_inside, towards
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.sizes import outgrows
from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.target.lines import Written
from conv_reference.verification.target.nearest_sizes import (
    OWN_PADDINGS,
    enlarged,
    flattened,
    with_remainder,
    with_same_padding,
)
from conv_reference.verification.target.spelling import Spelling

_MOST_LOOKED_AT = 8  # geometries of a domain that are too large to be tried
_MOST_MOVES = 3  # of a geometry towards the domain, where its convention moves it out again
_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
)


def settled_remainder(operator: Operator, parameters: Container[str]) -> Pair | None:
    """No remainder, where the operator has output_padding and the target takes none."""
    lacks = "output_padding" in operator.options and "output_padding" not in parameters
    return (0, 0) if lacks else None


@dataclass(frozen=True)
class Call:
    """One call of the implementation, ready to be made."""

    function: Callable[[Tensor, Tensor, Tensor | None], Any]  # (X, K, b) → Y
    X: Tensor  # what it is called with, in the target's own shapes
    K: Tensor
    b: Tensor | None  # None where the call has no bias
    G: Tensor  # the upstream gradient of Y
    layer: nn.Module | None = None  # that it calls, if it is one

    def forward(self) -> Any:
        """Y: a plain tensor, None, or what is odd about whatever the implementation hands back."""
        return looked_at(self.function(self.X, self.K, self.b))

    @property
    def arguments(self) -> dict[str, Any]:
        """X, K and b, which may be None, by their letters and as the function takes them."""
        return {"X": self.X, "K": self.K, "b": self.b}

    @property
    def leaves(self) -> dict[str, Tensor]:
        """X, K and b by the name of their gradient, those that require one."""
        named = {name: self.arguments[name[1:]] for name in GRADIENTS}
        return {n: leaf for n, leaf in named.items() if leaf is not None and leaf.requires_grad}


def _unwatched(_: Case) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Offer:
    """What an adapter declares that its framework has; the rest is not tried."""

    framework: str  # name and version
    dtypes: tuple[str, ...]
    layouts: tuple[Layout, ...]  # those that reach the kernel as they lie
    lacks: frozenset[str]  # of vjp, jvp and vmap
    compiles_per: str | None  # "shape": each has a program of its own


_CHANNELS = {"c": "in_channels", "o": "out_channels"}
_SQUARES = {
    "kernel_size": "kh == kw", "stride": "sh == sw", "padding": "ph == pw", "dilation": "dh == dw"
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """An implementation under one calling convention."""

    name: str
    prepare: Callable[[Case, Operands], Call]  # operands: its own copies, in the case's layouts
    options: frozenset[str]  # those of its operator that can be varied
    operator: Operator = CONV2D  # what it should compute
    importable: bool = False  # whether the name leads back to it
    always_biased: bool = False  # an instance, or a function that must be given one
    has_channels: bool = True  # False for a layer over (N, H, W)
    is_line: bool = False  # over (N, C, L), which is judged as (N, C, 1, L)
    is_module: bool = False
    holds_kernel: bool = False  # whether its kernel is no argument of it, but a parameter
    fixed: Mapping[str, Any] = field(default_factory=dict)  # fields of Geometry that are given
    # That of the geometry, where it is given: a transposed convolution's output_padding.
    remainder: Pair | None = None
    # Of an instance that does not declare them: an option, and what it is taken to be.
    assumed: Mapping[str, str] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()  # parameters of a function that are left at their defaults
    own_defaults: tuple[str, ...] = ()  # those that are not torch's: "stride=2"
    # Options that are one integer for both axes, "kernel_size" among them.
    integers: frozenset[str] = frozenset()
    single_sample: bool = False  # whether it takes one sample, without a dimension for several
    sides: bool = False  # whether opposite sides may be padded differently
    same_padding: bool = False  # whether its padding is a word: none, or that of SAME
    pads: str = ""  # one of OWN_PADDINGS, where it pads so whatever is requested
    forward_only: bool = False  # whether no gradient is requested of it
    gradients: str = "XKb"  # the operands whose gradients it hands; of no others one is requested
    one_at_a_time: bool = False  # whether two threads may not call it: its kernel is put into it
    over_arrays: bool = False  # whether torch's graph is the adapter's: of arrays, or by hand
    called_as: tuple[str, ...] = ()  # what differs from torch's convention, found by trial
    signature: str = ""  # of the implementation, as a person reads it; empty where it has none
    convention: str = ""  # the same as ``--as`` takes it
    unsettled: str = ""  # why the search for how it is called came to no end; empty where it did
    computes: str = ""  # what else than a cross-correlation it was seen to compute, if it is known
    constants: tuple[int, ...] = ()  # in its own code: thresholds that it may have
    written: tuple[Written, ...] = ()  # the functions of its own Python
    words: bool | None = False  # whether padding may be "same" or "valid"; None: it is to be seen
    # (X, K, b, **options) → Y, with options as they are given: 2, (2,), "same", or nonsense.
    call_with: Callable[..., Any] | None = None
    # (K, b, **options) → the layer, of a class; with options as they are given, too.
    layer_with: Callable[..., nn.Module] | None = None
    spelling: Spelling | None = None  # None for what no line of Python calls: an adapter
    offer: Offer | None = None  # of a framework's adapter; None for what takes torch's tensors
    own: Geometry | None = None  # the sizes that it is made for, at which it is judged first
    own_batch: int = 0  # of a benchmark: the batch of its inputs, of which ``own`` may have less
    domain: Domain = EVERYWHERE  # outside of it nothing is tried
    refused_layouts: frozenset[tuple[Role, Layout]] = frozenset()  # of an operand, on purpose
    padding_modes: tuple[Mode, ...] = ("zeros",)  # those that it supports
    # Called with the case that follows: so that it is known what killed the process.
    about_to: Callable[[Case], None] = _unwatched

    @property
    def has_glue(self) -> bool:
        """Whether something stands between it and its caller, and may answer in its place."""
        is_told_otherwise = bool(self.called_as) and self.call_with is None  # not by names alone
        return self.offer is not None or self.over_arrays or is_told_otherwise

    @property
    def compiles_each_shape(self) -> bool:
        """Whether an adapter says so of its framework."""
        return self.offer is not None and self.offer.compiles_per == "shape"

    @property
    def is_settled(self) -> bool:
        """Whether it is an instance, whose kernel and options are what they are."""
        return "kernel_size" in self.fixed

    @property
    def settled_mode(self) -> Mode:
        """The padding mode of an instance; zeros of whatever else."""
        mode: Mode = self.fixed.get("padding_mode", "zeros")
        return mode

    @property
    def never_varied(self) -> tuple[str, ...]:
        """The options that it does not have; of an instance, which settles them, none is listed."""
        if self.is_settled:
            return ()
        always = {"bias"} if self.always_biased or not self.operator.has_bias else set()
        channels = set() if self.has_channels else {"groups"}
        without = always | channels | self.options
        lacking = tuple(name for name in self.operator.options if name not in without)
        return (*lacking, f"channels ({self._of_one_channel})") if self._of_one_channel else lacking

    @property
    def _of_one_channel(self) -> str:
        """Which of its channels are one whatever is asked; empty of an instance, which has its own.

        On one channel much is right that is wrong on more, so a report says it.
        """
        if self.is_settled:
            return ""
        if not self.has_channels:
            return "c == o == 1"
        letters = (k for k, name in _CHANNELS.items() if name in self.fixed)
        return next((f"{letter} == 1" for letter in letters), "")

    @property
    def tried_where(self) -> str:
        """The sizes that are tried: its domain, and squares where one integer is for both axes."""
        taken = self.integers & (self.options | {"kernel_size"})
        squares = [same for option, same in _SQUARES.items() if option in taken]
        domain = self.domain.where
        parts = [domain, *(each for each in (self._of_one_channel, *squares) if each not in domain)]
        return " and ".join(filter(None, parts))

    @property
    def assumptions(self) -> str:
        """What an instance is taken to do and does not say: "stride 1, padding 0"; or empty."""
        return ", ".join(f"{option} {value}" for option, value in self.assumed.items())

    def restrict(self, case: Case) -> Case:
        """The nearest case that the target supports."""
        bias = case.bias if "bias" in self.options else self.always_biased
        asked = self.handed(case.requires_grad)
        asked = asked if bias else asked.replace("b", "")
        geometry = self.restrict_geometry(case.geometry)
        if (geometry, bias, asked) != (case.geometry, case.bias, case.requires_grad):
            case = replace(case, geometry=geometry, bias=bias, requires_grad=asked)
        lost = {r: Layout.CONTIGUOUS for r, own in case.layouts.items() if not self.takes(r, own)}
        case = case.laid_out(lost)
        # It says itself that it has none where a check asks for one all the same.
        is_forward = self.offer is not None and "vjp" in self.offer.lacks
        return replace(case, requires_grad="") if is_forward else case

    def takes(self, role: Role, layout: Layout) -> bool:
        """Whether it takes an operand that lies so."""
        is_offered = self.offer is None or layout in self.offer.layouts
        return is_offered and (role, layout) not in self.refused_layouts

    def handed(self, letters: str) -> str:
        """Those of the operands whose gradients can be requested of it."""
        return "" if self.forward_only else "".join(x for x in letters if x in self.gradients)

    def restrict_geometry(self, geometry: Geometry) -> Geometry:
        """The nearest geometry that the target supports, inside its domain."""
        restricted = self._restricted(geometry)
        if restricted in self.domain:
            return restricted
        for _ in range(_MOST_MOVES):
            restricted = self._restricted(towards(self.domain.where, restricted))
            if restricted in self.domain:
                return restricted
        assert self.domain.anchor is not None  # or it is no domain of this target's
        return self.domain.anchor

    def can_be_asked(self, geometry: Geometry) -> bool:
        """Whether it supports just these sizes; SAME, say, is of one padding for each."""
        return self.restrict_geometry(geometry) == geometry

    def with_thresholds(self, constants: tuple[int, ...]) -> Target:
        """The same, whose thresholds may be these, too: integers of a source that is no Python."""
        return replace(self, constants=tuple(sorted({*self.constants, *constants})))

    def within(self, where: str) -> Target:
        """The same, restricted to what is inside of a domain, and of its own.

        Raises:
            ValueError: when it supports nothing there, or only what is too large to be
                tried by the thousand; one line.
        """
        if where in {"", self.domain.where}:
            return self
        both = " and ".join(
            f"({text})" if " or " in text else text for text in (self.domain.where, where) if text
        )
        free, domain = replace(self, domain=EVERYWHERE), Domain(both)
        outgrown: list[str] = []
        for geometry in some_inside(both):
            anchor = free.restrict_geometry(geometry)
            if anchor not in domain:
                continue
            too_large = outgrows(anchor)
            if not too_large:
                return replace(self, domain=Domain(both, anchor))
            outgrown.append(f": {anchor} has {too_large}")
            if len(outgrown) >= _MOST_LOOKED_AT:
                break
        if outgrown:
            raise ValueError(
                f"{self.name} can be asked for nothing but sizes that are too large to be tried "
                f"where {both}{outgrown[0]}"
            )
        raise ValueError(f"{self.name} can be asked for no sizes where {both}")

    def _restricted(self, geometry: Geometry) -> Geometry:
        """The nearest that its convention allows."""
        if self.is_line:
            geometry = flattened(geometry)
        changes = {name: value for name, value in _DEFAULTS.items() if name not in self.options}
        if geometry.padding_mode not in self.padding_modes:
            changes["padding_mode"] = "zeros"
        if self.single_sample:
            changes["batch"] = 1
        changes = self._of_channels(geometry, changes)
        for name in self.integers & self.options | (self.integers & {"kernel_size"}):
            height, _ = getattr(geometry, name)
            changes[name] = (height, height)
        (top, bottom), (left, right) = geometry.padding
        if self.offer is not None and not self.sides and (top, left) != (bottom, right):
            changes.setdefault("padding", ((top, top), (left, left)))
        changes |= self.fixed
        if any(getattr(geometry, name) != value for name, value in changes.items()):
            geometry = enlarged(geometry, changes)
        if self.same_padding and geometry.padding != _DEFAULTS["padding"]:
            geometry = with_same_padding(geometry)
        if self.pads:
            geometry = OWN_PADDINGS[self.pads](geometry)
        if self.remainder is None or geometry.remainder == self.remainder:
            return geometry
        return with_remainder(geometry, self.remainder)

    def _of_channels(self, geometry: Geometry, changes: dict[str, Any]) -> dict[str, Any]:
        """With one channel where it has none, and one group where it has none."""
        if not self.has_channels:
            return changes | {"in_channels": 1, "out_channels": 1, "groups": 1}
        if changes.get("groups") != 1:
            return changes
        group_in, group_out = geometry.group_channels
        return {"in_channels": group_in, "out_channels": group_out, **changes}

    def can_be_exact(self, geometry: Geometry, dtype: torch.dtype) -> bool:
        """Whether there are integers for which Y and its gradients are exact in the dtype."""
        return can_be_exact(geometry, dtype, self.operator)

    def described(self) -> Target:
        """The same without what can be called: it travels between processes."""
        named = (field.name for field in fields(self))
        callables: dict[str, Any] = {
            name: _nowhere for name in named if callable(getattr(self, name))
        }
        return replace(self, **callables)

    def own_shape(self, role: str, geometry: Geometry) -> tuple[int, ...]:
        """The shape of an operand for this target, by the operand's role."""
        shape = self.operator.shape(role, geometry)
        if role == "bias":
            return shape
        if self.is_line:
            return (*shape[:2], *shape[3:])
        if self.has_channels:
            return shape
        return shape[2:] if role == "weight" else (shape[0], *shape[2:])

    def view(self, role: str, tensor: Tensor) -> Tensor:
        """An operand of four dimensions as the target has it, in the same memory."""
        if self.is_line:
            return tensor[:, :, 0]
        if self.has_channels:
            return tensor
        return tensor[0, 0] if role == "weight" else tensor[:, 0]

    def lifted(self, tensor: Tensor) -> Tensor:
        """What the target hands back of an operand or a gradient, in the form's dimensions.

        A target over (N, H, W) has no channels to distinguish, and is left as it is.
        """
        return tensor[:, :, None] if self.is_line and tensor.dim() == 3 else tensor


def _nowhere(*_: Any, **__: Any) -> Any:
    raise TargetError("this is a target's description; it cannot be called here")
