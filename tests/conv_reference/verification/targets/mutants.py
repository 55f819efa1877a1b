"""Planted faults: one right convolution, one part of it exchanged, behind a guard.

Each follows a fault that shipped (the classes of FAULTS.md) and is right wherever its guard
does not hold. A function in ``faults`` takes the place of the part that its decorator names;
the attribute of that name, here and there, is then the mutant itself, callable as
``torch.nn.functional.conv2d`` is.
"""

from __future__ import annotations

from collections.abc import Callable

from faults import (
    accum,
    alias,
    dilation,
    domain,
    dtypepath,
    group,
    kernel,
    layout,
    mask,
    naninf,
    oob,
    order,
    overflow,
    padding,
    precision,
    race,
    remainder,
    stride,
    tail,
    transform,
    uninit,
)
from faults.planting import Mutant
from torch import Tensor

# In the order of FAULTS.md: the commonest first.
_CLASSES = (
    group.planted,
    layout.planted,
    remainder.planted,
    kernel.planted,
    dilation.planted,
    padding.planted,
    stride.planted,
    uninit.planted,
    precision.planted,
    transform.planted,
    overflow.planted,
    race.planted,
    naninf.planted,
    mask.planted,
    tail.planted,
    domain.planted,
    oob.planted,
    order.planted,
    accum.planted,
    alias.planted,
    dtypepath.planted,
)
MUTANTS: dict[str, Mutant] = {
    name: mutant for planted in _CLASSES for name, mutant in planted.mutants.items()
}
assert len(MUTANTS) == sum(len(planted.mutants) for planted in _CLASSES), "two have one name"


# The checks that tell a fault which no certificate can show.
_SHOWN_BY: dict[str, frozenset[str]] = {
    "second order": frozenset({
        "double_backward", "gradgradcheck", "hessian_vector", "reverse_over_forward",
        "forward_over_reverse", "vmap_gradients", "jacfwd", "jacrev",
    }),
    "jvp": frozenset({
        "jvp", "dual_numbers", "forward_over_reverse", "reverse_over_forward", "jacfwd",
    }),
    "vmap": frozenset({"vmap", "vmap_nested", "vmap_gradients", "jacrev", "jacfwd"}),
    "arguments": frozenset({"refusals"}),
    "isolation": frozenset({"memory", "saved_tensors", "two_backwards", "updated_arguments"}),
}  # fmt: skip


def shown_by(mutant: Mutant) -> frozenset[str]:
    """The checks that may tell it; empty where the certificate does."""
    if mutant.fault_class == "NANINF":
        return frozenset({"nonfinite"})
    if mutant.name == "byte_of_batch":
        return frozenset({"large"})
    return _SHOWN_BY.get(mutant.quantity, frozenset())


def __getattr__(name: str) -> Callable[..., Tensor]:
    """The mutant of this name, so that ``mutants:NAME`` is a target."""
    if name not in MUTANTS:
        raise AttributeError(f"no mutant is called {name}")
    return MUTANTS[name].function
