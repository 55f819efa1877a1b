"""What is to be known before the verdict is read, in the lines below it: how it was called."""

from __future__ import annotations

from conv_reference.verification.model.notes import NoteKind
from conv_reference.verification.model.result import Report
from conv_reference.verification.report.plain import one_line


def calling(report: Report) -> tuple[str, ...]:
    """What is to be known before the verdict is read: how it was called, and what was not varied.

    And what no rule forbids, but who trusts the verdict must know. Empty where it was called as
    torch is, with every option.
    """
    lines = []
    if report.called_as:
        fixed = f' (to have it so always: --as "{report.convention}")' if report.convention else ""
        lines.append(f"called with {'; '.join(report.called_as)}{fixed}")
    lines += [f"refuses: {refused}" for refused in report.refuses]
    if report.computes:
        lines.append(f"seems to compute {report.computes}")
    torchs, answered = report.by_torch
    if torchs and torchs == answered:
        lines.append(
            "every answer whose operations were recorded came from torch's own convolution: a "
            "kernel of its own, if it has one, never ran"
        )
    elif report.by_torch_where:
        where = ", and for ".join(report.by_torch_where)
        lines.append(f"for {where} torch's own convolution computed the answer")
    elif torchs:
        said = f"the answer to {torchs:,} of {answered:,} small cases"
        lines.append(f"torch's own convolution computed {said}")
    if report.never_varied:
        lines.append(f"never varied, for it has none: {', '.join(report.never_varied)}")
    if report.own_defaults:
        lines.append(f"its defaults are not torch's: {', '.join(report.own_defaults)}")
    lines += [f"beware: {note}" for note in report.notes if note.kind == NoteKind.WARNED]
    return tuple(map(one_line, lines))
