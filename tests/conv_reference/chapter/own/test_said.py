"""Of a wrong layer a Hebrew reader reads Hebrew, with code and torch's own words set apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from conv_reference.chapter.language import translations
from conv_reference.chapter.own import book
from conv_reference.chapter.own.check import check, check_file
from conv_reference.chapter.own.said import refused, said
from conv_reference.chapter.own.words import words

HEBREW = translations("he").gettext
ISOLATED = re.compile("\u2066[^\u2066\u2069]*\u2069")
SUM = "(self.kernel * sub_image).sum(dim=(1, 2))"

WRONG = {
    "raises": (SUM, "(self.kernel * sub_image).sum(dim=(0, 1))", "נזרקה שגיאה"),
    "of another shape": ("Y = torch.zeros(N, H - h + 1, W - w + 1)", "Y = torch.zeros(N, H, W)",
                         "צריך להיות בצורה"),
    "returns nothing": ("        return Y\n", "", "צריך להיות טנזור"),
    "no gradient for the kernel": ("self.kernel * sub", "self.kernel.detach() * sub", "גרדיאנט"),
    "no gradient at all": (SUM, f"{SUM}.detach()", "אין דרך לגזור"),
    "one more": (SUM, f"{SUM} + 1", "1 + K[0,0]·X[0,0]"),
}  # fmt: skip


def prose(text: str) -> str:
    """What is left once the finding's name, the command and what is set apart are gone."""
    lines = [line for line in text.splitlines() if not re.match(r"  (Y|d[XK]|float|conv-)", line)]
    return ISOLATED.sub("", "\n".join(lines[1:]))


@pytest.mark.parametrize(
    "name",
    [name if name == "one more" else pytest.param(name, marks=pytest.mark.slow) for name in WRONG],
)
def test_what_a_student_meets_is_hebrew(name: str) -> None:
    before, after, expected = WRONG[name]
    source = book.LAYER.replace(before, after)
    assert source != book.LAYER
    names: dict[str, object] = {"__name__": "theirs"}
    exec(compile(source, "theirs.py", "exec"), names)
    checked = check(names[book.NAME], book.NAME, source, dtypes=[torch.float32], budget=0.02)

    text = words(checked, HEBREW)

    assert expected in text
    assert not re.search("[A-Za-z]{3,}", prose(text))
    finding = checked.answers[0].report.findings[0]
    assert said(finding.explanation).splitlines()[0] in finding.explanation


REFUSED = {
    "no parameter": (
        book.LAYER.replace("nn.Parameter(torch.rand(*kernel_size))", "torch.rand(*kernel_size)"),
        "nn.Parameter",
    ),
    "no Python": ("class\n", "invalid syntax"),
    "no layer": ("x = 1\n", "forward"),
    "two layers": (
        "class A:\n    def forward(self): ...\nclass B:\n    def forward(self): ...\n",
        "A, B",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_so_is_why_it_cannot_be_checked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, expected = REFUSED[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("conv_reference.chapter.own.check.BUDGET", 0.02)
    Path("mine.py").write_text(source)
    with pytest.raises(ValueError, match=".") as caught:
        check_file("mine.py")

    text = refused(str(caught.value), HEBREW)

    assert expected in text
    assert not re.search("[A-Za-z]{3,}", ISOLATED.sub("", text))
    assert expected in refused(str(caught.value))


def test_so_is_that_every_call_raises() -> None:
    message = (
        "'my.py:Layer' does not look like a conv2d: the first 100 cases all raised NameError: name "
        "'q' is not defined (at my.py:17); its signature is Layer(size); it was called with "
        "X (2, 4, 5), K (3, 3); conv-reference try my.py says what in the file could be one"
    )
    assert refused(message).startswith("my.py:Layer raised an error in all of 100 calls: NameErr")
    assert not re.search("[A-Za-z]{3,}", ISOLATED.sub("", refused(message, HEBREW)))


def test_a_sentence_that_is_not_known_stays_and_is_set_apart() -> None:
    assert said("  something new", HEBREW) == "  \u2066something new\u2069"
    assert said("  something new") == "  something new"
