"""Every planted fault in one table."""

from __future__ import annotations

from typing import Any

from conv_reference.verification.faults.planted import (
    accum,
    alias,
    bias,
    dilation,
    domain,
    dtypepath,
    everyday,
    group,
    kernel,
    layout,
    line,
    mask,
    naninf,
    numbers,
    oob,
    order,
    overflow,
    padding,
    precision,
    race,
    remainder,
    rules,
    sizes,
    state,
    stride,
    surroundings,
    tail,
    transform,
    transposed,
    transposed_sizes,
    uninit,
    views,
)
from conv_reference.verification.faults.planting import FaultClass, Mutant

# Those that shipped first, by how often they did; then what is only plausible.
CLASSES: tuple[FaultClass, ...] = (
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
    sizes.threshold,
    sizes.empty,
    sizes.network,
    sizes.aspect,
    sizes.unrolled,
    sizes.patches,
    sizes.small,
    everyday.planted,
    views.views,
    views.expanded,
    views.formats,
    numbers.scale,
    numbers.zeros,
    numbers.branch,
    numbers.chopped,
    rules.batched,
    rules.tangents,
    rules.nested,
    rules.third,
    surroundings.grad_modes,
    surroundings.switches,
    surroundings.threads,
    surroundings.neighbours,
    surroundings.saved,
    surroundings.spelling,
    surroundings.generator,
    surroundings.autocast,
    state.cache,
    state.layers,
    state.drift,
    state.leak,
    bias.planted,
    bias.pointwise,
    kernel.flips,
    # Of other operators than conv2d.
    transposed_sizes.extra,
    transposed.turned,
    transposed.channels,
    transposed_sizes.cropped,
    transposed_sizes.spaced,
    transposed.derived,
    transposed.held,
    transposed.accepted,
    line.planted,
)
FAULTS: dict[str, Mutant] = {
    name: mutant for planted in CLASSES for name, mutant in planted.mutants.items()
}
OPERATORS = tuple(dict.fromkeys(planted.operator for planted in CLASSES))
assert len(FAULTS) == sum(len(planted.mutants) for planted in CLASSES), "two have one name"


def planted_in(operator: str) -> list[Mutant]:
    """The faults of one operator, in the order of the table."""
    return [mutant for mutant in FAULTS.values() if mutant.operator == operator]


def __getattr__(name: str) -> Any:
    """The planted fault of this name, which is a target by it."""
    if name not in FAULTS:
        raise AttributeError(f"no planted fault is called {name}")
    return FAULTS[name].function
