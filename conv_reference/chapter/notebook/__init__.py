"""The chapter as a notebook: what its cells call, beside what everybody may import."""

from conv_reference.chapter.notebook.shown import Section, own, section

__all__ = ["Section", "own", "section"]
