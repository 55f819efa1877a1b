"""What a check says, in a few lines."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from conv_reference.chapter.own.check import Answer, Checked
from conv_reference.chapter.own.said import said
from conv_reference.verification import Finding, Verdict

Gettext = Callable[[str], str]
_MOST = 3  # findings that are shown


def words(checked: Checked, _: Gettext = str) -> str:
    """The answers, what is to be mended, and how to go on.

    Args:
        checked: the answers.
        _: translates a sentence; English where not given.
    """
    return "\n".join(_lines(checked, _))


def verdict(answer: Answer, _: Gettext) -> str:
    """One answer in a few words."""
    names = _names(_)
    if answer.right:
        return _("{verdict} in {cases} cases").format(
            verdict=names[answer.report.verdict], cases=f"{answer.report.judged:,}"
        )
    if answer.made_in_default:
        return _("the result is of another dtype; {verdict} once this is torch's default").format(
            verdict=names[answer.by_default.verdict] if answer.by_default else ""
        )
    return names[answer.report.verdict]


def _names(_: Gettext) -> dict[str, str]:
    """The verdicts, as the reader's language calls them."""
    return {
        Verdict.EXACT: _("exact"),
        Verdict.ROUNDED: _("rounded"),
        Verdict.PERMISSIVE: _("right, but it answers where there is no convolution"),
        Verdict.UNSUPPORTED: _("not supported"),
        Verdict.RAISED: _("it raises an error"),
        Verdict.WRONG: _("wrong"),
        Verdict.CRASHED: _("it crashes"),
    }


def conclusion(checked: Checked, _: Gettext) -> str:
    """What it comes to, in one sentence."""
    if checked.right:
        return _("Right: nothing is to be mended.")
    if checked.only_the_default:
        return _(
            "One thing is to be mended, and nothing else: the result is made in torch's default "
            "dtype, float32, whatever the input's. Where the two are the same, the layer is right."
        )
    return _("Something is wrong:")


def _lines(checked: Checked, _: Gettext) -> Iterator[str]:
    yield _(
        "{name}: Y and the gradients by K and X, held against the definition bit for bit"
    ).format(name=checked.name)
    for answer in checked.answers:
        yield f"  {answer.name:<9} {verdict(answer, _)}"
    if checked.takes_one_image:
        yield _("It takes one image, (H, W); the chapter's layer takes a batch, (N, H, W).")
    yield ""
    yield from textwrap.wrap(conclusion(checked, _), 88)
    if checked.only_the_default:
        yield from _mends(checked, _)
    for answer in checked.wrong[:1]:
        if len(checked.answers) == 1:
            yield _("(the other dtypes were not asked)")
        for finding in _shown(answer):
            yield f"  {finding.quantity}, {finding.dtype}, {finding.geometry}"
            yield textwrap.indent(said(finding.explanation, _), "  ")
        for cut in checked.cuts:
            yield _(
                "line {line}: {code} leaves the graph: no gradient comes back through it"
            ).format(line=cut.line, code=cut.code)
    if checked.target:
        yield ""
        yield _("Everything else that can be asked of it:")
        yield f"  conv-reference verify {checked.target}"


def _shown(answer: Answer) -> list[Finding]:
    """The first finding, and those that have no number: what is no tensor, raises or has no graph.

    Where Y is wrong, so are its gradients, and their numbers say no more.
    """
    findings = answer.report.findings
    return [*findings[:1], *(finding for finding in findings[1:] if not finding.index)][:_MOST]


def _mends(checked: Checked, _: Gettext) -> Iterator[str]:
    for mend in checked.mends:
        yield _("line {line}:").format(line=mend.line)
        yield f"    {mend.before}"
        yield _("becomes")
        yield f"    {mend.after}"
    if not checked.mends:
        yield _("Make it where the input is: X.new_zeros(...) in place of torch.zeros(...).")
