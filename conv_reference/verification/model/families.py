"""The families that a geometry belongs to, in the words in which users speak of kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from conv_reference.geometry import Geometry


@lru_cache(maxsize=2**14)  # asked for by every row
def families_of(geometry: Geometry) -> tuple[str, ...]:
    """Every family that the geometry belongs to; "plain" where it belongs to no other.

    >>> families_of(Geometry.parse("c4 h5 w5 o4 k1 s2 g4"))
    ('strided', 'grouped', 'depthwise', 'pointwise')
    """
    g = geometry
    belongs = {
        "strided": max(g.stride) > 1,
        "remainder": any(g.remainder),
        "padded": any(map(any, g.padding)),
        "dilated": max(g.dilation) > 1,
        "grouped": g.groups > 1,
        "depthwise": g.groups == g.in_channels > 1,
        "pointwise": g.kernel_size == (1, 1),
        "empty": g.batch == 0,
    }
    return tuple(name for name, true in belongs.items() if true) or ("plain",)


def count_families(geometries: Iterable[Geometry]) -> tuple[tuple[str, int], ...]:
    """How many geometries belong to each family, sorted by name: ``CheckResult.families``.

    Args:
        geometries: those that a check judged, each once.
    """
    counts = Counter(name for geometry in geometries for name in families_of(geometry))
    return tuple(sorted(counts.items()))
