"""In place of the bench that failures are taken apart on."""

from __future__ import annotations

from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.judgement import Failure


class NothingKnown:
    """On which no failure is a known defect, or may be one."""

    def known(self, failure: Failure) -> Defect | None:
        return None

    def may_be(self, failure: Failure) -> str:
        return ""
