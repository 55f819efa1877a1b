"""The claims about the code, by what their lines print."""

from __future__ import annotations

from conv_reference.chapter.listing import listing
from conv_reference.chapter.statements import OWN_GRADIENTS, STATEMENTS, Statement, claims
from conv_reference.layer import ConvLayer_1

PRINTED = {
    "parameter": "[('kernel', 'Parameter')]\nTrue\n",
    "broadcast": "(3, 3) times (64, 3, 3) is (64, 3, 3)\nsummed: (64,)\nTrue\n",
    "sizes": "(8, 5, 5) -> (8, 3, 3)\n(8, 28, 28) -> (8, 26, 26)\n(8, 40, 17) -> (8, 38, 15)\n",
    "detector": "recorded: False True\ngradient: False True\n",
    "differentiable": "MulBackward0\nSliceBackward0\nSumBackward1\n"
    "torch::autograd::AccumulateGrad\ntorch::autograd::CopySlices\nTrue\n",
    "gradients": "True\nTrue\n",
}


def test_each_statement_prints_what_its_claim_says() -> None:
    statements = (*STATEMENTS, OWN_GRADIENTS)
    assert {statement.name: statement.output for statement in statements} == PRINTED
    assert list(claims(str)) == list(PRINTED)


def test_the_lines_stand_alone_and_leave_no_name_behind() -> None:
    assert Statement("first", "leaked = 1\n").output == ""
    assert Statement("second", "print('leaked' in globals())\n").output == "False\n"


def test_the_listing_shows_init_and_forward_and_no_docstring() -> None:
    source = listing(ConvLayer_1)

    assert "    def __init__(self, kernel_size: Pair" in source
    assert "self.kernel = nn.Parameter(torch.rand(*kernel_size))" in source
    assert "output[:, i, j] = (self.kernel * sub_image).sum(dim=(1, 2))" in source
    assert '"""' not in source
    assert "noqa" not in source
    compile(source, "listing", "exec")
