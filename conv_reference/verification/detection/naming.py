"""Whether the words of a finding name what the guard of its fault is about."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

# The words that findings have for each of the subjects of ``faults.planting``.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "groups": r"\bg\b|[co]/g|group|depthwise",
        "stride": r"\bs[hw]\b|stride|remainder",
        "dilation": r"\bd[hw]\b|dilat",
        "padding": r"\bp[hw]\b|padding",
        "batch": r"\bn\b|sample|batch",
        "kernel": r"\bk[hw]\b|kernel|\btaps?\b|\bK (?:is|has|not)\b|\bof K\b",
        "channels": r"\b[co]\b|[co]/g|channel(?!s_last)",
        "plane": r"\bo?[hw]\b|\brows?\b|columns?\b|pixel|output",
        "layout": r"contiguous|offset|expanded|channels_last|slic|stride[ds]|transposed|chunk|"
        r"exchanged|\b(?:[XKG]|input|weight|grad_output)=",
        "float16": r"(?<!b)float16",
        "bfloat16": r"bfloat16",
        "float32": r"float32",
        "float64": r"float64",
        "bias": r"bias",
        "output_padding": r"output padding|remainder|rest",
    }
)


def named(about: Collection[str], words: str) -> str:
    """Yes where the words name all that a guard is about, partly where some of it, else no.

    The words that users read are what is measured here, so it is they that are searched.

    >>> named(("groups", "stride"), "All 321 have g > 1, sh·sw > 1")
    'yes'

    Args:
        about: subjects of the guard. Of none, as of a state of the process, nothing can be named:
            then it is a dash.
        words: of the finding.
    """
    said = [re.search(_WORDS[subject], words) is not None for subject in about]
    if not said:
        return "-"
    return "yes" if all(said) else "partly" if any(said) else "no"
