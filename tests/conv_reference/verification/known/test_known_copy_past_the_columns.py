"""The condition of docs/found/0047: what was wrong or died with it, and what beside it was not."""

from __future__ import annotations

import pytest

from conv_reference.verification.known.known import SHIPPED, Defect, load
from conv_reference.verification.model.case import Case

(DEFECT,) = (d for d in load(SHIPPED) if d.name == "conv2d-onednn-copy-past-the-columns")
(TRANSPOSED,) = (
    d for d in load(SHIPPED) if d.name == "conv-transpose-onednn-copy-past-the-columns"
)
ENVIRONMENT = {
    "torch": "2.13.0",
    "machine": "x86_64",
    "instructions": "avx2 avx512_f avx512_bf16",
    "oneDNN": "on",
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("n2 c1 h3 w3 o10533 k1x3 s2", True),  # died, in float32
        ("n2 c1 h3 w3 o32767 k1x3 s2 p1x0", True),
        ("n2 c1 h9 w9 o9117 k1x3 s2", True),
        ("n2 c1 h3 w3 o9012 k1x3 s2 p0x1", True),
        ("n4 c1 h9 w9 o6000 k1x3 s2", True),  # wrong with two threads
        ("n8 c1 h9 w5 o204 k1x5 s2 p0x1", True),
        ("n8 c1 h31 w5 o64 k1x5 s2 p0x1", True),
        ("n4 c1 h9 w9 o4700 k1x3 s2", False),  # right each time
        ("n8 c1 h9 w5 o220 k1x5 s2 p0x1", False),
        ("n8 c1 h31 w5 o32 k1x5 s2 p0x1", False),
        ("n2 c1 h3 w3 o16000 k3x3 s2", False),  # rows enough
        ("n2 c1 h3 w3 o16000 k1x3 s1", False),
        ("n2 c1 h3 w3 o32000 k1x1 s2", False),
        ("n1 c1 h3 w3 o16000 k1x3 s2", False),  # not handed to the library
    ],
)
def test_what_died_or_was_wrong_is_known_and_what_never_was_is_not(
    dtype: str, text: str, met: bool
) -> None:
    assert DEFECT.concerns(Case.parse(f"certificate {dtype} {text}")) is met


@pytest.mark.parametrize(
    ("text", "of_conv2d", "transposed"),
    [
        ("n2 c1 h3 w3 o16000 k1x3 s2", True, True),  # both died
        ("n1 c1 h3 w3 o16000 k1x3 s2", False, True),  # X has 9 numbers, G 32,000
        ("n1 c1 h3 w3 o9000 k1x3 s2", False, False),
        ("n1 c40 h32 w33 o2048 k1x5 s2 p0x1", True, True),
        ("n1 c4097 h1 w5 o1024 k1x5 s2 p0x1", True, False),  # the other way round
    ],
)
def test_torch_counts_the_numbers_of_the_first_argument(
    text: str, of_conv2d: bool, transposed: bool
) -> None:
    case = Case.parse(f"certificate float32 {text}")

    assert (DEFECT.concerns(case), TRANSPOSED.concerns(case)) == (of_conv2d, transposed)


@pytest.mark.parametrize(
    ("defect", "targets"),
    [
        (
            DEFECT,
            {
                "torch.nn.functional:conv1d",
                "torch.nn.functional:conv2d",
                "torch.nn.modules.conv:Conv1d",
                "torch.nn.grad:conv2d_input",
            },
        ),
        (
            TRANSPOSED,
            {
                "torch.nn.functional:conv_transpose1d",
                "torch.nn.functional:conv_transpose2d",
                "torch.nn:ConvTranspose2d",
            },
        ),
    ],
    ids=["conv2d", "transposed"],
)
def test_each_operator_that_has_it_has_one_entry(defect: Defect, targets: set[str]) -> None:
    for target in sorted(targets):
        assert defect.applies(target, ENVIRONMENT)
        assert not {DEFECT: TRANSPOSED, TRANSPOSED: DEFECT}[defect].applies(target, ENVIRONMENT)
    assert not defect.applies("torch.nn.grad:conv2d_weight", ENVIRONMENT)
