"""What comes from a target, made harmless: see ``model.printable``."""

from __future__ import annotations

from conv_reference.verification.model.printable import one_line, printable

__all__ = ["one_line", "printable"]
