"""The book's layer has one thing to mend; one that is wrong is not excused by it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from conv_reference.chapter.language import translations
from conv_reference.chapter.own import book
from conv_reference.chapter.own.check import Checked, check, check_file
from conv_reference.chapter.own.mend import mended
from conv_reference.chapter.own.words import words

pytestmark = pytest.mark.usefixtures("without_circumstances")

TWO = (torch.float32, torch.float64)


def checked(source: str, dtypes: Any = TWO) -> Checked:
    names: dict[str, Any] = {"__name__": "theirs"}
    exec(compile(source, "theirs.py", "exec"), names)
    return check(names[book.NAME], book.NAME, source, dtypes=dtypes, budget=0.05)


@pytest.mark.slow
def test_the_books_layer_is_right_but_for_the_default_dtype() -> None:
    found = checked(book.LAYER, (torch.float32, torch.float64, torch.bfloat16))

    assert [answer.right for answer in found.answers] == [True, False, False]
    assert [answer.made_in_default for answer in found.answers] == [False, True, True]
    assert found.only_the_default
    assert found.wrong == ()
    assert torch.get_default_dtype() == torch.float32
    said = words(found)
    assert said.count("One thing is to be mended, and nothing else") == 1
    assert "    torch.zeros(N, H - h + 1, W - w + 1, dtype=X.dtype, device=X.device)" in said
    assert "דבר אחד יש לתקן, ותו לא" in " ".join(words(found, translations("he").gettext).split())


@pytest.mark.slow
def test_mended_nothing_is_left_to_mend() -> None:
    found = checked(mended(book.LAYER, book.NAME))
    assert found.right
    assert found.mends == ()
    assert "Right: nothing is to be mended." in words(found)


def test_a_layer_that_flips_its_kernel_is_wrong_and_shown_so() -> None:
    found = checked(book.LAYER.replace("(self.kernel * sub", "(self.kernel.flip(0, 1) * sub"))

    assert not found.right
    assert not found.only_the_default
    assert len(found.answers) == 1  # the others would say the same
    said = words(found)
    assert "should be K[0,0]·X[0,0] + K[0,1]·X[0,1]" in said
    assert "(the other dtypes were not asked)" in said
    assert "One thing" not in said
    assert found.answers[0].report.findings[0].explanation.splitlines()[-1] in said
    hebrew = words(found, translations("he").gettext)
    assert "צריך להיות \u2066K[0,0]·X[0,0] + K[0,1]·X[0,1]\u2069" in hebrew
    assert not re.search(r"should|wrong|takes part|  is ", hebrew)


def test_a_layer_that_leaves_the_graph_is_told_in_which_line() -> None:
    found = checked(book.LAYER.replace("self.kernel * sub", "self.kernel.data * sub"))

    said = words(found)
    assert "should be a gradient (asked for: dK), is no gradient" in said
    assert "line 17: .data leaves the graph: no gradient comes back through it" in said
    hebrew = words(found, translations("he").gettext)
    assert "יוצא מן הגרף" in hebrew
    assert "leaves the graph" not in hebrew


OF_ONE_IMAGE = (
    book.LAYER.replace("N, H, W = X.shape", "H, W = X.shape")
    .replace("zeros(N, ", "zeros(")
    .replace("X[:, i", "X[i")
    .replace("Y[:, i", "Y[i")
    .replace("sum(dim=(1, 2))", "sum()")
)


def test_a_layer_of_one_image_is_told_that_the_chapters_takes_a_batch() -> None:
    found = checked(OF_ONE_IMAGE, (torch.float32,))

    assert found.right
    assert "the chapter's layer takes a batch, (N, H, W)." in words(found)
    assert "אצווה של תמונות" in words(found, translations("he").gettext)


def test_what_a_second_finding_raises_is_shown_and_numbers_that_follow_are_not() -> None:
    found = checked(
        book.LAYER.replace("w]\n", "w]\n                sub_image *= self.kernel\n").replace(
            "self.kernel * sub_image", "sub_image"
        )
    )

    said = words(found)
    assert "being used in an in-place operation" in said
    assert "  Y, float32" in said
    assert "  dX, float32" not in said
    assert "  dK, float32" not in said


@pytest.mark.slow
def test_what_is_wrong_in_another_dtype_alone_is_not_put_down_to_the_default() -> None:
    squares = "\n        if X.dtype == torch.float64:\n            Y = Y * 2\n        return Y"
    found = checked(book.LAYER.replace("\n        return Y", squares))

    assert [answer.right for answer in found.answers] == [True, False]
    assert not found.only_the_default
    assert found.wrong == found.answers[1:]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", "mine.py has no class with a forward pass; name one"),
        (
            "class A:\n    def forward(self): ...\nclass B:\n    def forward(self): ...\n",
            "mine.py has A, B with a forward pass; name one",
        ),
        ("class\n", "mine.py is no Python"),
    ],
)
def test_a_file_in_which_no_layer_can_be_chosen_is_refused(
    folder: Path, source: str, message: str
) -> None:
    (folder / "mine.py").write_text(source)
    with pytest.raises(ValueError, match=message):
        check_file("mine.py")


def test_a_file_that_is_not_there_is_an_os_error(folder: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere\.py"):
        check_file("nowhere.py")
