"""An option that an adapter declares, and refuses whatever its value is: it should not declare it.

What is refused for some values, or in some dtypes, is a refusal like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.frameworks.contract import Framework
from conv_reference.verification.frameworks.questions import Ones

# Values that are offered here and there and no others: even and uneven ones, kernels of patches,
# all that keeps the size, one side alone, a group for each channel. No stride leaves a remainder.
_TRIED: Mapping[str, Sequence[str]] = {
    "bias": ("n2 c3 h5 w6 o4 k3", "n1 c2 h4 w4 o2 k1", "n1 c1 h3 w3 o1 k3"),
    "stride": (
        *("n2 c3 h7 w9 o4 k3 s2", "n1 c2 h4 w6 o2 k2 s2", "n1 c2 h5 w5 o2 k1 s2"),
        *("n1 c2 h5 w6 o2 k3 s1x3", "n1 c2 h6 w5 o2 k3 s3x1"),
    ),
    "padding": (
        *("n2 c3 h5 w6 o4 k3 p1", "n1 c2 h6 w5 o2 k5 p2", "n1 c2 h4 w4 o2 k3 p2"),
        *("n1 c2 h4 w4 o2 k2 p0:1", "n1 c2 h4 w4 o2 k1 p1", "n1 c2 h5 w6 o2 k3 p0x1"),
    ),
    "dilation": (
        *("n2 c3 h9 w8 o4 k3 d2", "n1 c2 h6 w5 o2 k2 d2", "n1 c2 h5 w7 o2 k3 d1x2"),
        *("n1 c2 h7 w5 o2 k3 d2x1",),
    ),
    "groups": (
        *("n2 c4 h5 w6 o6 k3 g2", "n2 c3 h5 w6 o3 k3 g3", "n2 c3 h5 w6 o6 k3 g3"),
        *("n1 c2 h4 w4 o2 k1 g2", "n1 c4 h4 w4 o4 k1 g2"),
    ),
}


def refused_whatever_it_is(framework: Framework, option: str, first: Geometry) -> str:
    """What is wrong where a declared option is never answered; empty where it is once.

    Nothing is wrong, either, where the same is refused without the option.

    Args:
        framework: that refused the first.
        option: "groups".
        first: a geometry with it.
    """
    others = map(Geometry.parse, _TRIED[option])
    with_it = [first, *(g for g in others if framework.sides or _is_even(g))]
    refusals = (_refusals(framework, geometry, option == "bias") for geometry in with_it)
    if not all(refusals) or all(_refusals(framework, _without(option, g), False) for g in with_it):
        return ""
    said = _refusals(framework, first, option == "bias")[0]
    return (
        f"options has {option!r}, but conv refuses it in each of {len(with_it)} cases, as on "
        f"{first}: {said}; accepted in options is what conv answers for some value"
    )


def _refusals(framework: Framework, geometry: Geometry, biased: bool) -> list[str]:
    """What is said in each dtype where each refuses; empty where one does not."""
    said = []
    for dtype in framework.dtypes:
        question = Ones(framework, geometry, biased, dtype).answer()
        try:
            question.node.run(*question.given)
        except NotImplementedError as error:
            said.append(" ".join(str(error).split()))
        except Exception:  # which is no refusal
            return []
        else:
            return []
    return said


def _is_even(geometry: Geometry) -> bool:
    return all(before == behind for before, behind in geometry.padding)


def _without(option: str, geometry: Geometry) -> Geometry:
    """The same without the option; a bias is none of its sizes."""
    if option == "bias":
        return geometry
    without: Any = getattr(Geometry, option)  # a field's default
    return replace(geometry, **{option: without})
