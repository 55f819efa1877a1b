"""What the chapter says of its code: each statement as a few lines that run, and what they print.

The lines import what they use, so that each stands alone: on the page, in the notebook, and
wherever a reader pastes it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

Gettext = Callable[[str], str]


@dataclass(frozen=True)
class Statement:
    r"""A few lines of Python.

    >>> Statement("sum", "print(1 + 1)").output
    '2\n'
    """

    name: str
    code: str

    @cached_property
    def output(self) -> str:
        """What the lines print; the random numbers that they draw are those of seed 0.

        Raises:
            Exception: whatever the lines raise.
        """
        printed = io.StringIO()
        names: dict[str, Any] = {"__name__": f"statement_{self.name}"}
        with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(printed):
            torch.manual_seed(0)
            exec(compile(self.code, f"<{self.name}>", "exec"), names)
        return printed.getvalue()


PARAMETER = """\
import torch
from conv_reference.layer import ConvLayer_1

layer = ConvLayer_1((3, 3))
print([(name, type(kernel).__name__) for name, kernel in layer.named_parameters()])

before = layer.kernel.detach().clone()
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
layer(torch.rand(2, 5, 5)).square().mean().backward()
optimizer.step()
moved = layer.kernel.detach() - before
print(torch.allclose(moved, -0.1 * layer.kernel.grad))
"""

BROADCAST = """\
import torch

kernel, sub_images = torch.rand(3, 3), torch.rand(64, 3, 3)
products = kernel * sub_images
print(tuple(kernel.shape), "times", tuple(sub_images.shape), "is", tuple(products.shape))
sums = products.sum(dim=(1, 2))
print("summed:", tuple(sums.shape))

one_by_one = torch.stack([(kernel * sub_image).sum() for sub_image in sub_images])
print(torch.allclose(sums, one_by_one))
"""

SIZES = """\
import torch
from conv_reference.layer import ConvLayer_1

layer = ConvLayer_1((3, 3))
for height, width in ((5, 5), (28, 28), (40, 17)):
    images = torch.rand(8, height, width)
    print(tuple(images.shape), "->", tuple(layer(images).shape))
"""

DETECTOR = """\
import torch
from conv_reference.layer import ConvLayer_1

detector, mine = ConvLayer_1((3, 3)), ConvLayer_1((3, 3))
detector.kernel.data = torch.tensor([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]])
detector.kernel.requires_grad_(False)

images = torch.rand(2, 5, 5)
target, answer = detector(images), mine(images)
print("recorded:", target.requires_grad, answer.requires_grad)
((answer - target) ** 2).mean().backward()
print("gradient:", detector.kernel.grad is not None, mine.kernel.grad is not None)
"""

DIFFERENTIABLE = """\
import torch
from conv_reference.layer import ConvLayer_1

layer = ConvLayer_1((2, 2)).double()
images = torch.rand(2, 3, 3, dtype=torch.float64, requires_grad=True)

names, nodes = set(), [layer(images).grad_fn]
while nodes:
    node = nodes.pop()
    names.add(node.name())
    nodes += [before for before, _ in node.next_functions if before is not None]
print(*sorted(names), sep="\\n")

print(torch.autograd.gradcheck(layer, images))
"""

GRADIENTS = """\
import torch
from torch.nn.functional import pad
from conv_reference.layer import ConvLayer_1

def convolve(image, kernel):
    layer = ConvLayer_1(tuple(kernel.shape))
    layer.kernel.data = kernel
    return layer(image[None]).detach()[0]

X = torch.tensor([[0.0, 1, 2], [3, 4, 5]], requires_grad=True)
layer = ConvLayer_1((1, 2))
layer.kernel.data = torch.tensor([[10.0, 1]])
Y = layer(X[None])[0]
G = torch.tensor([[1.0, 2], [3, 4]])
by_X, by_K = torch.autograd.grad(Y, (X, layer.kernel), G)

K = layer.kernel.detach()
print(torch.equal(by_K, convolve(X.detach(), G)))
print(torch.equal(by_X, convolve(pad(G, (1, 1, 0, 0)), K.flip(0, 1))))
"""

STATEMENTS = (
    Statement("parameter", PARAMETER),
    Statement("broadcast", BROADCAST),
    Statement("sizes", SIZES),
    Statement("detector", DETECTOR),
    Statement("differentiable", DIFFERENTIABLE),
)
# Of exercise 3: what the two gradients turn out to be.
OWN_GRADIENTS = Statement("gradients", GRADIENTS)


def claims(_: Gettext) -> dict[str, tuple[str, str]]:
    """A title for each statement, and what it says; code stands between backticks."""
    return {
        "parameter": (
            _("The kernel is a parameter, and moves with the step"),
            _(
                "`nn.Parameter` tells the layer that this tensor is to be learned: the optimiser "
                "finds it under its name, and one step moves it by the learning rate times its "
                "gradient, downwards."
            ),
        ),
        "broadcast": (
            _("One kernel for the whole batch, one number for each sample"),
            _(
                "The kernel has no batch dimension: torch broadcasts it over the sub-images of "
                "all samples. The sum over height and width leaves one number for each sample, "
                "the same as one sample after the other."
            ),
        ),
        "sizes": (
            _("One layer takes inputs of several sizes"),
            _(
                "Only the kernel's size is fixed. The output's follows from the input's, so the "
                "same nine numbers serve every image that is at least as large as the kernel."
            ),
        ),
        "detector": (
            _("The detector's autograd is off"),
            _(
                "The fixed filter is not to be learned. With `requires_grad_(False)` autograd "
                "records nothing of it, and no gradient arrives there; the learning kernel's "
                "does."
            ),
        ),
        "differentiable": (
            _("Only products and sums, hence differentiable"),
            _(
                "What autograd has recorded of one forward pass: a product (`Mul`), a sum "
                "(`Sum`), and beside them only steps that move numbers about (`Slice`, "
                "`CopySlices`) or collect gradients (`AccumulateGrad`). Products and sums have "
                "derivatives everywhere, so the layer has, too; finite differences confirm them."
            ),
        ),
        "gradients": (
            _("The layer computes its own gradients"),
            _(
                "Both are convolutions again, so the chapter's layer computes them: with G in "
                "the place of the kernel, and with the padded G in the place of the image under "
                "the flipped kernel. They equal autograd's to the last bit."
            ),
        ),
    }
