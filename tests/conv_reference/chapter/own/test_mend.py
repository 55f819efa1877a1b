from __future__ import annotations

import pytest

from conv_reference.chapter.own import book
from conv_reference.chapter.own.mend import Cut, cuts, layers, mended, mends

INDENTED = """\
def other(X):
    return torch.zeros(3)

class Mine(nn.Module):
    def __init__(self):
        self.kernel = nn.Parameter(torch.ones(3, 3))

    def forward(self, image):
        α = torch.empty(
            2,
            3,
        ); b = torch.ones(1, device="cpu")
        kept = torch.zeros(3, dtype=torch.int64) + torch.zeros_like(image)
        return α, b, kept
"""


def test_the_books_line_is_found_and_mended() -> None:
    (mend,) = mends(book.LAYER, book.NAME)

    assert book.LAYER.splitlines()[mend.line - 1].strip() == f"Y = {mend.before}"
    assert mend.after == "torch.zeros(N, H - h + 1, W - w + 1, dtype=X.dtype, device=X.device)"
    assert mended(book.LAYER, book.NAME) == book.LAYER.replace(mend.before, mend.after)
    assert mends(mended(book.LAYER, book.NAME), book.NAME) == ()


def test_what_makes_parameters_and_what_names_a_dtype_stays() -> None:
    first, second = mends(INDENTED, "Mine")

    assert second.after == 'torch.ones(1, device="cpu", dtype=image.dtype)'
    assert first.after.split() == [
        *("torch.empty(", "2,", "3,"),
        *("dtype=image.dtype,", "device=image.device)"),
    ]
    text = mended(INDENTED, "Mine")
    compile(text, "mended", "exec")
    assert text.startswith(INDENTED[: INDENTED.index("α")])
    assert text.endswith(INDENTED[INDENTED.index("        kept") :])


@pytest.mark.parametrize("name", ["Nobody", "nn"])
def test_a_name_that_is_not_there_has_nothing_to_mend(name: str) -> None:
    assert mends(INDENTED, name) == ()


def test_layers_are_the_classes_with_a_forward_pass() -> None:
    assert layers(INDENTED) == ("Mine",)
    assert layers(book.LAYER) == ("ConvLayer_1",)
    assert layers("class Empty: ...\n") == ()


CUT = """\
class Mine(nn.Module):
    def __init__(self):
        self.kernel = nn.Parameter(torch.tensor([1.0]).detach())

    def forward(self, image):
        K = self.kernel.detach().numpy()
        with torch.no_grad():
            Y = torch.tensor(K.data * image)
        return Y + image.numpy_like
"""


def test_each_line_that_leaves_the_graph_is_named_with_all_that_does() -> None:
    found = cuts(CUT, "Mine")
    assert found == (
        Cut(6, ".detach, .numpy"),
        Cut(7, "torch.no_grad"),
        Cut(8, ".data, torch.tensor"),
    )
    assert cuts(book.LAYER, book.NAME) == ()
