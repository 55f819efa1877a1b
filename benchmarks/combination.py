"""The certificate of a layer by random combinations, over its own forward and backward pass.

    python benchmarks/combination.py

One thread, processor time, medians of at least five. The operands are integers of at most 2.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn.functional import conv2d

from conv_reference.combination import Combination, draw_weights
from conv_reference.geometry import Geometry

LAYERS = (
    "n16 c64 h56 w56 o64 k3 p1",
    "n16 c128 h28 w28 o128 k3 p1",
    "n16 c256 h14 w14 o256 k3 p1",
    "n16 c512 h7 w7 o512 k3 p1",
    "n16 c128 h56 w56 o128 k3 s2 p1",
    "n16 c3 h224 w224 o64 k7 s2 p3",
    "n16 c64 h56 w56 o64 k1",
    "n16 c256 h56 w56 o64 k1",
    "n16 c1024 h14 w14 o512 k1",
    "n16 c144 h28 w28 o144 k3 p1 g144",
    "n2 c4 h8 w8 o4 k3 p1",
)
FORMATS = (torch.contiguous_format, torch.channels_last)


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'layer':36}{'contiguous':>12}{'channels_last':>15}")
    for text in LAYERS:
        ratios = [ratio(Geometry.parse(text), layout) for layout in FORMATS]
        print(f"{text:36}{ratios[0]:12.2f}{ratios[1]:15.2f}")


def ratio(geometry: Geometry, layout: torch.memory_format) -> float:
    """Of the certificate's time to the layer's own."""
    layer, certified = measured(geometry, layout, torch.device("cpu"))
    assert certified()
    return median(certified) / median(layer)


def measured(
    geometry: Geometry, layout: torch.memory_format, device: torch.device
) -> tuple[Callable[[], object], Callable[[], bool]]:
    """A layer's forward and backward pass over integers of at most 2; and its certificate."""

    def drawn(*shape: int) -> torch.Tensor:
        values = torch.randint(-2, 3, shape, device=device).float()
        return values.contiguous(memory_format=layout) if len(shape) == 4 else values

    (top, _), (left, _) = geometry.padding
    X = drawn(*geometry.input_shape).requires_grad_()
    K = drawn(*geometry.weight_shape).requires_grad_()
    b = drawn(geometry.out_channels).requires_grad_()

    def forward() -> torch.Tensor:
        g = geometry
        return conv2d(X, K, b, g.stride, (top, left), g.dilation, g.groups)

    Y = forward()
    G = drawn(*Y.shape)
    dX, dK, db = torch.autograd.grad(Y, (X, K, b), G)
    (group_in, group_out), (kh, kw) = geometry.group_channels, geometry.kernel_size
    combination = Combination(geometry, draw_weights(geometry, seed=0, device=device))
    of_Y, of_dX = 4 * group_in * kh * kw + 2, 4 * group_out * kh * kw

    def certified() -> bool:
        with torch.no_grad():
            of_dK, of_db = combination.grad_parameters(G, X, dK, db, largest=(2, 2))
            found = (
                combination.output(X, K, b, Y, largest=(2, of_Y)),
                combination.grad_input(G, K, dX, largest=(2, of_dX)),
                of_dK,
                of_db,
            )
        return all(equation is not None and equation.holds for equation in found)

    return lambda: torch.autograd.grad(forward(), (X, K, b), G), certified


def median(function: Callable[[], object], repetitions: int = 5) -> float:
    """Seconds of so many calls, and of as many more as a tenth of a second holds."""
    function()
    times: list[float] = []
    while len(times) < repetitions or sum(times) < 0.1:
        begun = time.process_time()
        function()
        times.append(time.process_time() - begun)
    return statistics.median(times)


if __name__ == "__main__":
    main()
