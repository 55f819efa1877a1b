"""A stranger's function or layer: what it calls its parameters, and how it is called with others.

Both are called in one way: ``bound(settings)`` is a function of X, K and b in the stranger's own
form, the options settled by their names in conv2d.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.strangers.tensor_forms import WeightForm
from conv_reference.verification.target.strangers.trials import Trials

LIKE = "like"  # among the settings: a tensor, whose dtype and device a layer is to have
Bound = Callable[[Tensor, Tensor, Tensor | None], Any]  # (X, K, b) → Y, in the stranger's form


@dataclass(frozen=True)
class Stranger:
    """A function or a layer, with what it calls its parameters."""

    bound: Callable[[Mapping[str, Any]], Bound]
    names: Mapping[str, str]  # of conv2d's options: what it calls them, "pad_h, pad_w" if several
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # these, one by one
    integers: frozenset[str] = frozenset()  # those that it is annotated to take as integers
    defaults: Mapping[str, Any] = field(default_factory=dict)  # by the names of conv2d
    is_layer: bool = False
    sides: tuple[str, str] | None = None  # of a layer: parameters for a kernel's height and width
    foreign: tuple[str, ...] = ()  # parameters that stay at their defaults
    labels: tuple[str, ...] = ()  # parameters that are given a name for it
    # Of an instance: the fields of Geometry that are settled, if its kernel has this form.
    fixed: Callable[[WeightForm], Mapping[str, Any] | None] | None = None
    # Of an instance that does not declare them: an option, and what it is taken to be.
    assumed: Mapping[str, str] = field(default_factory=dict)
    biased: bool | None = None  # of an instance: whether it has a bias
    dtype: torch.dtype = torch.float32  # of the trial
    positional: tuple[tuple[str, Any], ...] = ()  # parameters and defaults, if by position alone
    is_apply: bool = False  # of a ``torch.autograd.Function``
    pads: str = ""  # one of OWN_PADDINGS, where it was seen to pad so whatever is requested
    has_no_size: bool = False  # of a layer: whether its constructor takes no size of a kernel
    image: bool = False  # of a layer: whether its constructor takes one image's sizes
    over_arrays: bool = False  # whether it takes numpy arrays, and no tensors
    has_backward: bool = True  # of one over arrays: whether there is a backward pass
    gradients: str = "XKb"  # the operands whose gradients that hands
    demanded: tuple[str, ...] = ()  # what a layer's backward pass must be given, and is given None
    backward: str = ""  # the name of the function that is it, where that is another
    only: frozenset[torch.dtype] | None = None  # the dtypes that it computes in, if not in all
    in_dictionary: frozenset[str] = frozenset()  # the options that it takes in a dictionary alone
    options_read: Callable[[], frozenset[str]] = frozenset  # those that were read so far
    # Of a layer: what its kernel and its bias, if it has one, are called in one of some settings.
    parameters: Callable[[Mapping[str, Any]], tuple[str, str]] | None = None
    seen: AbstractSet[str] = frozenset()  # what else its calls have shown so far: "b as (o, h, w)"
    trials: Trials = field(default_factory=Trials, compare=False)  # its calls on tiny cases

    @property
    def same_padding(self) -> bool:
        """Whether padding is a word, SAME or VALID: its default is one."""
        return isinstance(self.defaults.get("padding"), str)

    def word(self, said: str) -> str:
        """SAME or VALID as it is spelt there."""
        return said if str(self.defaults.get("padding")).isupper() else said.lower()

    @property
    def counts_zeros(self) -> bool:
        """Whether its dilation is the number of zeros between taps: none is its default."""
        return self.defaults.get("dilation") in (0, (0, 0))

    @property
    def of_its_backward_pass(self) -> list[str]:
        """What is said of what it must be given beside the gradient of Y."""
        names = ", ".join(self.demanded)
        given = f"None for {names} of its backward pass"
        without = f"no call of its backward pass, which must be given {names}"
        return [given if self.has_backward else without] if names else []

    @property
    def has_sides(self) -> bool:
        """Whether its padding is four numbers, one for each side."""
        return len(self.several.get("padding", ())) == 4

    def named(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The options that it takes, by the names of its parameters."""
        return option_numbers.named(self.names, self.several, settings)

    @property
    def takes(self) -> frozenset[str]:
        """The options of conv2d that it is given, the kernel's size among them."""
        return frozenset(self.names) | (frozenset() if self.sides is None else {"kernel_size"})
