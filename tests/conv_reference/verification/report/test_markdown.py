from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_reports import FAULTY, HOSTILE, RIGHT, finding, hostile, of_size
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from conv_reference.verification.model.result import Report
from conv_reference.verification.report import markdown
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.report.table import table


class Page(HTMLParser):
    """The elements, and the text in code and outside of it, of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.code = ""
        self.rest = ""
        self._depth = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self._depth += tag in {"code", "pre"}

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in {"code", "pre"}

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.code += data
        else:
            self.rest += data


def rendered(report: Report) -> Page:
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    return Page(reader.render(markdown.render(report)))


@pytest.mark.parametrize("report", [RIGHT, FAULTY], ids=["right", "faulty"])
def test_printed(report: Report, snapshot: SnapshotAssertion) -> None:
    assert markdown.render(report) == snapshot


def test_a_reader_of_markdown_sees_the_finding_and_opens_the_table() -> None:
    page = rendered(FAULTY)

    assert page.tags.index("h4") < page.tags.index("details")
    assert page.tags.count("tr") == 1 + 5
    assert page.tags.count("details") == 3  # the snippet, the known defect, the table
    assert "5 checks: 2 wrong, 1 raised, 1 rounded, 1 exact" in page.rest
    assert "rounded 16.4/24*" in page.rest
    assert "should be G[0]·K[1] + G[1]·K[0]," in page.code


def test_what_comes_from_the_target_is_text_in_code_and_nothing_else() -> None:
    page = rendered(hostile())

    assert set(page.tags) <= {
        *("h3", "h4", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"),
        *("details", "summary", "b", "p", "ul", "li", "strong"),
    }
    for word in ("alert", "everyone", "evil"):
        assert word in page.code
        assert word not in page.rest
    assert page.tags.count("details") == 4  # its own end tags close nothing


def test_the_first_findings_are_open_and_the_others_folded() -> None:
    page = rendered(of_size(8))

    assert page.tags.count("h4") == 5
    assert page.tags.count("summary") == 8 + 3 + 1  # snippets, further findings, the table


@pytest.mark.untraced
@given(st.text(max_size=30) | st.text(alphabet="`\\\\<>&|*_[]()!#@:/w.~$ ax", max_size=20))
@example("a``b`")
@example("\x1f\ufdd0")
@example("\x1f\U0001ffff")
@example("\\")
@example("<b>`</code>")
@example("x|y")
def test_code_is_one_code_that_holds_the_text(text: str) -> None:
    line = one_line(text)
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    for page in (
        f"- {markdown.code(text)}",
        f"| a | b |\n|---|---|\n| {markdown.code(text)} | c |",
    ):
        shown = Page(reader.render(page))
        assert shown.code == line
        assert shown.tags.count("code") == 1


@pytest.mark.untraced
@given(st.text(max_size=30) | st.text(alphabet="`\\\\<>&|*_[]()!#@:/w.~ ax-1=", max_size=20))
@example("1. a")
@example("a_b_ *c*")
@example("see www.evil.org")
@example("see GH-12")
def test_prose_is_its_words_and_nothing_else(text: str) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    shown = Page(reader.render(f"- {markdown.prose(text)}"))

    assert (shown.code + shown.rest).strip() == one_line(text)
    assert set(shown.tags) <= {"ul", "li", "code"}
    assert not re.search(r"[@#]|://|www\.|GH-", shown.rest)


def test_plain_words_are_text_and_names_are_source() -> None:
    assert markdown.prose("All 812 have sw > 1; a_b: no.") == r"All 812 have sw \> 1; a\_b: no."
    assert markdown.code("my_kernels:conv2d") == "`my_kernels:conv2d`"
    assert markdown.code("a`b") == "<code>a&#96;b</code>"


@given(st.text(alphabet="`<&|*_[!@:/w. ax≠", max_size=20))
def test_what_is_quoted_is_code_and_nothing_else_is_more_than_words(text: str) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    shown = Page(reader.render(f"- {markdown.quoting(text)}"))
    assert set(shown.tags) <= {"ul", "li", "code"}
    assert not re.search(r"[@#]|://|www\.|GH-", shown.rest)


def test_a_quoted_line_is_code_among_words() -> None:
    said = "All 9 have dh ≠ dw. Only these run line 3 of my_conv.py, `dx = a|b`."
    assert markdown.quoting(said) == (
        r"All 9 have dh ≠ dw. Only these run line 3 of my\_conv.py, <code>dx = a&#124;b</code>."
    )
    assert markdown.quoting("one ` alone") == markdown.prose("one ` alone")
    shown = "\n".join(markdown.details([finding(also=tuple("abcdefghi"))]))
    assert "`f`, 3 more." in shown


def test_nothing_that_links_or_mentions_stands_outside_a_fence() -> None:
    text = markdown.render(hostile())
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)

    assert "@" not in outside
    assert "://" not in outside


@pytest.mark.parametrize("text", ["```", "a\n````\nb", "``` `````", "~~~\n</details>"])
def test_a_fence_is_longer_than_any_that_it_holds(text: str) -> None:
    tokens = MarkdownIt().parse(markdown.fenced(text))

    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == text + "\n"


def test_a_long_block_is_cut() -> None:
    assert len(markdown.fenced("x" * 100_000)) < 5_000


def test_thousands_of_findings_fit_into_a_summary() -> None:
    text = markdown.render(of_size(5_000))

    assert len(text) < 65_536
    assert "… and 4,980 further findings." in text


def test_an_annotation_names_the_file_of_the_target() -> None:
    report = replace(FAULTY, target="kernels/conv,1.py:conv2d", findings=(finding(),))

    assert markdown.annotations(report) == [
        "::error file=kernels/conv%2C1.py,line=1,title=wrong%3A dX[0%2C0%2C1%2C1] in float32 on "
        "n1 c1 h2 w2 o1 k1x2 s1 p0 d1 g1::dX[0,0,1,1]: takes part in 2 outputs;%0A"
        "  should be G[0]·K[1] + G[1]·K[0],%0A  is        G[1]·K[0]%0A"
        "conv-reference verify my_kernels:conv2d --case 'certificate float32 n1 c1 h2 w2 o1 k1x2 "
        "s1 p0 d1 g1' --seed 7"
    ]


def test_a_known_defect_is_a_notice_and_a_module_has_no_file() -> None:
    (command,) = markdown.annotations(replace(FAULTY, findings=(finding(known="D"),)))

    assert command.startswith("::notice title=wrong%3A dX")


def test_nothing_wrong_annotates_nothing() -> None:
    assert markdown.annotations(RIGHT) == []


def test_more_than_github_shows_are_counted() -> None:
    commands = markdown.annotations(of_size(5_000))

    assert len(commands) == 10
    assert commands[-1] == "::error title=conv-reference::4,991 further findings"


def test_a_hostile_annotation_stays_one_command() -> None:
    text = f"{HOSTILE}\r\n::error::mine\n%0A::stop-commands::x"
    report = replace(FAULTY, target=f"{text}.py:f", findings=(finding(explanation=text),))

    (command,) = markdown.annotations(report)
    assert len(command.splitlines()) == 1
    assert command.count("::error") - command.count("%0A::error") == 1
    assert "%250A" in command


def test_rows_that_are_folded_have_no_number_of_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "table", partial(table, fold=True))
    assert re.search(r"\| +\|$", markdown.render(RIGHT), re.MULTILINE)
