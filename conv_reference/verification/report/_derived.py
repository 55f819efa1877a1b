"""The derivation of a finding's geometry as a page, packed to be opened within the report's."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from gzip import compress

from conv_reference.verification import own
from conv_reference.verification.model.result import Finding
from conv_reference.verification.report.derivation import derived_geometry

_MOST_SYMBOLS = 48  # of X, K and Y together: a page of more takes seconds to write
_MOST_PAGES = 6
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True)
class Derived:
    """The pages of a report's findings."""

    pages: Mapping[str, str] = field(default_factory=dict)  # by geometry: gzip in base64
    styles: frozenset[str] = frozenset()  # what a policy must let through
    scripts: frozenset[str] = frozenset()

    def page_of(self, finding: Finding) -> int:
        """The number of a finding's page, from 1; 0 where it has none."""
        if finding.known is not None:
            return 0
        numbers = {geometry: number for number, geometry in enumerate(self.pages, start=1)}
        return numbers.get(derived_geometry(finding, _MOST_SYMBOLS), 0)


def derived(findings: Iterable[Finding]) -> Derived:
    """The pages of the first few small geometries; of a known defect none.

    Args:
        findings: those that a page shows, in its order.
    """
    unknown = (finding for finding in findings if finding.known is None)
    geometries = dict.fromkeys(derived_geometry(each, _MOST_SYMBOLS) for each in unknown)
    chosen = [geometry for geometry in geometries if geometry][:_MOST_PAGES]
    written = {geometry: _page(geometry) for geometry in chosen}
    inline = [part for page in written.values() for part in _INLINE.findall(page)]
    return Derived(
        {geometry: _packed(page) for geometry, page in written.items()},
        frozenset(content for tag, content in inline if tag == "style"),
        frozenset(content for tag, content in inline if tag == "script"),
    )


@lru_cache(maxsize=_MOST_PAGES)
def _page(geometry: str) -> str:
    with own.derivation():
        from analytic.calculus.spelling import parse_geometry
        from analytic.derivation import derive
        from analytic.locale import ENGLISH, translations
        from analytic.render import renderer

        document = derive(parse_geometry(geometry)).document
        return renderer("html")(document, translations(ENGLISH))


def _packed(page: str) -> str:
    return b64encode(compress(page.encode(), mtime=0)).decode()
