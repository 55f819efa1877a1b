"""The third derivative of conv_transpose2d raises where there is output padding.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import torch


def main() -> int:
    return int(not all([third_derivative(0) == 1.0, third_derivative(1) == 1.0]))


def third_derivative(output_padding: int) -> float | None:
    x, k = (torch.ones(1, 1, 1, 1, requires_grad=True) for _ in range(2))
    Y = torch.nn.functional.conv_transpose2d(x, k, stride=2, output_padding=output_padding)
    G = torch.zeros_like(Y)
    G[..., 0, 0] = 1
    G.requires_grad_()
    try:
        (first,) = torch.autograd.grad(Y, x, G, create_graph=True)  # g·k
        (second,) = torch.autograd.grad(first, k, torch.ones_like(first), create_graph=True)  # g
        (third,) = torch.autograd.grad(second, G, torch.ones_like(second))
    except RuntimeError as error:
        print(f"output padding {output_padding}: expected 1, raised {error}")
        return None
    found = float(third[..., 0, 0])
    print(f"output padding {output_padding}: expected 1, is {found}")
    return found


if __name__ == "__main__":
    sys.exit(main())
