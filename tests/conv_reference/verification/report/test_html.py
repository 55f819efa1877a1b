from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import replace
from functools import partial
from gzip import decompress
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from made_reports import FAULTY, RIGHT, finding, hostile, of_size, pictured, row

from conv_reference.verification.model.result import Finding, Report, Verdict
from conv_reference.verification.reading import catalogue
from conv_reference.verification.report import html
from conv_reference.verification.report.table import table


class Page(HTMLParser):
    """The elements of a page, their attributes, and the text of each element."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._skipped = 0
        self.feed(html.render(report))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._skipped += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def folded(self, kind: str) -> list[str | None]:
        """The anchors of what opens, of a kind."""
        return [d.get("id") for d in self.all("details") if d.get("class") == kind]


def test_the_verdict_comes_first_and_no_finding_is_there_when_all_is_right() -> None:
    page = Page(RIGHT)

    words = " ".join(page.text.split())
    assert words.startswith("right my_kernels:conv2d right my_kernels:conv2d right, bit for bit")
    assert page.folded("finding") == []
    assert page.all("body") == [{"class": "right"}]


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (FAULTY, "wrong"),
        (replace(RIGHT, checks=()), "unchecked"),
        (replace(RIGHT, checks=(row("a", known=True),)), "right"),
    ],
)
def test_the_state_of_the_page(report: Report, state: str) -> None:
    assert Page(report).all("body") == [{"class": state}]


def test_each_finding_has_its_grids_difference_guess_and_reproducers() -> None:
    page = Page(FAULTY)

    assert len(page.folded("finding")) == 2
    assert "should be G[0]·K[1] + G[1]·K[0]," in page.text
    assert "Perhaps the last column of the upstream gradient is lost." in page.text
    assert "conv-reference verify my_kernels:conv2d --case" in page.text
    assert "conv2d(X, K).backward(torch.tensor([[[[1.0], [2.0]]]]))" in page.text
    assert "known defect: empty-batch-2024" in page.text
    assert len(page.all("button")) == 3 + 1


def test_a_small_case_is_drawn_in_place_of_its_grids() -> None:
    page = Page(replace(FAULTY, findings=(pictured(),)))

    pictures = [s for s in page.all("svg") if "role" in s and "class" not in s]
    assert [s["role"] for s in pictures[:4]] == ["img"] * 4  # G, K, dX and dX
    assert "dX should be" in page.text
    assert "X        K      G" not in page.text
    assert not any("style" in attributes for _, attributes in page.elements)  # the policy forbids


def test_where_it_differs_is_drawn_and_said() -> None:
    page = Page(replace(FAULTY, findings=(pictured(),)))
    said = "10 of 30 elements of dX differ: in the last row (2) alone, each element there."

    assert said in page.text
    assert page.folded("maps") == [None]
    labels = [s.get("aria-label") for s in page.all("svg") if s.get("class") == "map"]
    assert labels[:2] == ["dX[0,0]: 5 of 15 elements differ", "dX[0,1]: 5 of 15 elements differ"]
    assert "3 more are not drawn" in page.text
    assert "The 10 elements that differ, by the bits that are right" in page.text


def test_bits_are_drawn_of_what_was_rounded_and_of_nothing_else() -> None:
    spoken = [s.get("aria-label") or "" for s in Page(RIGHT).all("svg")]

    assert spoken[0] == (
        "precision, float32, of 24 that the dtype has: 3 judgements with 22 bits; "
        "19 judgements with 23 bits; 2 judgements with 24 bits"
    )
    assert spoken[1].startswith("precision, float64, of 53")
    assert Page(replace(RIGHT, checks=RIGHT.checks[:3])).all("svg") == []


def test_a_findings_derivation_is_packed_within_the_page_once() -> None:
    page = Page(FAULTY)
    written = html.render(FAULTY)
    (packed,) = re.findall(r'octet-stream" id="d1">([^<]+)<', written)
    unpacked = decompress(b64decode(packed)).decode()

    assert [d.get("data-page") for d in page.all("details") if d.get("class") == "derived"] == [
        "d1"
    ]  # of the finding that is no known defect
    assert "The gradients of a convolution: input 2×2, kernel 1×2" in unpacked
    (policy,) = (m["content"] for m in page.all("meta") if m.get("http-equiv"))
    for content in re.findall(r"<(?:script|style)>(.*?)</", unpacked, re.DOTALL):
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert policy is not None
        assert f"'sha256-{digest}'" in policy


def test_a_finding_on_an_empty_batch_has_no_derivation() -> None:
    empty = finding(geometry="n0 c1 h1 w1 o1 k1 s1 p0 d1 g1", index=())

    assert Page(replace(FAULTY, findings=(empty,))).folded("derived") == []


def test_no_more_than_a_few_derivations_are_packed() -> None:
    text = html.render(of_size(20))

    assert text.count("octet-stream") == 6
    assert text.count('class="derived"') == 6


def test_marked_elements_of_the_grids_are_marked_and_nothing_else_is() -> None:
    grids = "Y[0] G(1)[2]\n [1][2]  3 [-4]"
    text = html.render(replace(FAULTY, findings=(finding(grids=grids, explanation="G[1] [5]"),)))

    assert re.findall("<mark>(.*?)</mark>", text) == ["[1]", "[2]", "[-4]"]
    assert ">G[1] [5]</pre>" in text


def test_a_wrong_cell_leads_to_its_finding() -> None:
    report = replace(FAULTY, findings=(finding(), finding(dtype="float64", also=("adjointness",))))
    page = Page(replace(report, checks=(*report.checks[:4], row("adjointness", "float64"))))

    targets = set(page.folded("finding"))
    assert [a["href"] for a in page.all("a")][-3:] == ["#f1", "#f1", "#f1"]
    assert targets == {"f1"}


def test_findings_come_before_the_checks() -> None:
    text = Page(FAULTY).text

    assert text.index("should be G[0]·K[1]") < text.index("Checks")


KNOWN = finding(known="one-defect")
ANOTHER_FORM = replace(
    KNOWN,
    check="forward",
    quantity="Y",
    explanation="another",
    seen="another",
    cause="",
    case="another",
)


@pytest.mark.parametrize(
    ("findings", "strict", "heading", "headline"),
    [
        ([finding()], False, "1", "wrong (1 finding),"),
        (
            [finding(), KNOWN, finding(known="another")],
            False,
            "1, and 2 known defects",
            "wrong (1 finding, and 2 known defects),",
        ),
        (
            [finding(), KNOWN, ANOTHER_FORM],
            False,
            "1, and 1 known defect in 2 forms",
            "wrong (1 finding, and 1 known defect in 2 forms),",
        ),
        (
            [finding(), finding(verdict=Verdict.PERMISSIVE, quantity="")],
            False,
            "1, 1 permissive",
            "wrong (1 finding, 1 permissive),",
        ),
        (
            [finding(), finding(verdict=Verdict.PERMISSIVE, quantity="")],
            True,
            "2",
            "wrong (2 findings),",
        ),
    ],
    ids=["one", "known ones", "one known twice", "permissive", "strict"],
)
def test_above_the_findings_as_many_are_counted_as_in_the_headline(
    findings: list[Finding], strict: bool, heading: str, headline: str
) -> None:
    report = replace(FAULTY, findings=tuple(findings), strict=strict)
    page = html.render(report)
    assert f'<h2 id="findings">Findings <span class="faint">{heading}</span></h2>' in page
    assert f'<p class="headline">{headline}' in page


def test_where_known_defects_are_all_they_alone_are_counted() -> None:
    page = html.render(replace(RIGHT, findings=(KNOWN,), checks=(row("a", known=True),)))
    assert '<h2 id="findings">Findings <span class="faint">1 known defect</span></h2>' in page
    assert ", but for 1 known defect" in page


def test_what_is_exact_everywhere_is_folded_and_nothing_else_is() -> None:
    page = Page(RIGHT)  # three rows exact, one rounded
    before, after = page.text.split("3 further checks are exact in every dtype")

    assert "rounded 22.8/24" in before
    assert "grad_input" not in before
    assert after.count("≤2e-07") == 2

    alone = Page(replace(RIGHT, checks=RIGHT.checks[:3]))  # there is nothing else to be read
    assert alone.folded("exact-rows") == []
    assert "exact ≤2e-07" in alone.text


def test_what_fails_by_the_findings_alone_is_folded() -> None:
    names = ("jvp", "vmap", "compositions")
    found = finding(also=names)
    checks = tuple(row(name, verdict=Verdict.WRONG) for name in (found.check, *names))
    page = Page(replace(FAULTY, findings=(found,), checks=checks))
    before, after = page.text.split("3 further checks fail by what the findings show")

    assert page.folded("following-rows") == ["following"]
    assert "jvp" not in before.split("Checks")[1]
    assert all(name in after for name in names)

    few = Page(replace(FAULTY, findings=(finding(also=names[:1]),), checks=checks[:2]))
    assert few.folded("following-rows") == []


def test_what_only_rounds_as_the_certificate_does_is_folded() -> None:
    names = ("jvp", "vmap", "compositions")
    checks = tuple(
        row(name, verdict=Verdict.ROUNDED, effective_bits=20.0, bound="normwise")
        for name in ("forward", *names)
    )
    page = Page(replace(RIGHT, checks=checks))
    before, after = page.text.split("3 further checks round as those above do")

    assert page.folded("rounding-rows") == ["rounding"]
    assert "jvp" not in before
    assert all(name in after for name in names)


def test_versions_and_seed_stand_before_the_findings() -> None:
    head, _ = Page(FAULTY).text.split("Findings")

    assert re.search(r"python \d.*torch \d.*seed 7", head)


def test_each_finding_has_its_sizes_in_words() -> None:
    assert Page(FAULTY).text.count("input 2×2, kernel 1×2, output 2×1") >= 1
    assert "; input" not in Page(replace(FAULTY, findings=(finding(geometry="none"),))).text


def test_whoever_does_not_know_the_letters_finds_them_above_the_findings() -> None:
    assert "Y is the output for the input X and the kernel (weight) K." in Page(FAULTY).text
    assert "Y is the output" not in Page(RIGHT).text


def test_notes_are_sentences() -> None:
    report = replace(RIGHT, called_as=("N as the last axis",), computes="a correlation")
    text = Page(report).text

    assert "Called with N as the last axis." in text
    assert "Seems to compute a correlation." in text


def test_a_checks_name_opens_what_it_asserts_and_the_fault_that_it_stands_for() -> None:
    page = Page(FAULTY)
    words = next(entry for entry in catalogue.entries() if entry.name == "grad_input")

    assert words.asserts in page.text
    assert f"It stands for a real fault: {words.fault}." in page.text
    anchors = set(page.folded("about"))
    led = {(a["href"] or "")[1:] for a in page.all("a") if (a["href"] or "").startswith("#c")}
    assert led <= anchors
    assert len(led) == 2  # grad_input and adjointness


def test_a_checks_name_parts_behind_its_underscores_and_reads_as_it_is() -> None:
    page = html.render(replace(RIGHT, checks=(row("grad_output"), row("a_<b>"))))

    assert "grad_<wbr>output" in page
    assert "a_<wbr>&lt;b&gt;" in page
    assert "grad_output" in Page(replace(RIGHT, checks=(row("grad_output"),))).text


def test_what_a_finding_says_is_read_without_scrolling() -> None:
    told = [attributes for attributes in Page(FAULTY).all("pre") if attributes["class"] == "told"]

    assert len(told) == len(Page(FAULTY).folded("finding"))
    assert re.search(r"[^}]*\.told \{ white-space: pre-wrap", html.render(FAULTY))


def test_a_check_that_is_not_known_has_a_name_alone() -> None:
    page = Page(replace(RIGHT, checks=(row("grad_output"),)))

    assert page.folded("about") == []
    assert "grad_output" in page.text


def test_there_is_a_choice_of_what_occurs_and_none_where_nothing_differs() -> None:
    chosen = Page(FAULTY).text.split("not exact")[0]
    assert "float32" in chosen
    assert "⟨dX, X⟩" in chosen

    one = replace(RIGHT, checks=(row("forward"), row("precision", verdict=Verdict.ROUNDED)))
    assert Page(one).all("select") == []


def test_nothing_is_loaded_from_anywhere() -> None:
    page = Page(FAULTY)

    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {
        tag for tag, _ in page.elements
    }
    assert all("src" not in attributes for _, attributes in page.elements)
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in page.elements)
    assert "url(" not in html.render(FAULTY)


def test_nothing_of_the_targets_is_markup() -> None:
    page = Page(hostile())
    plain = (Page(FAULTY), Page(replace(FAULTY, findings=(pictured(),))))

    assert {t for t, _ in page.elements} <= {t for one in plain for t, _ in one.elements}
    assert len(page.all("script")) == 1
    assert "</pre></script><script>alert('&\"')</script>\\x1b[31m\\x00" in page.text
    names = {name for _, attributes in page.elements for name in attributes}
    assert not any(name.startswith("on") for name in names)
    assert names <= {name for one in plain for _, given in one.elements for name in given}


def test_a_policy_lets_nothing_but_the_pages_own_script_run() -> None:
    (policy,) = (m["content"] for m in Page(FAULTY).all("meta") if m.get("http-equiv"))

    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_page_can_be_written() -> None:
    html.render(hostile()).encode()


def test_a_row_that_is_folded_has_no_number_of_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    folding = partial(table, fold=True)
    monkeypatch.setattr("conv_reference.verification.report._rows.table", folding)
    assert '<td class="number"></td>' in html.render(RIGHT)
