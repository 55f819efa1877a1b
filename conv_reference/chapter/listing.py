"""Source as it runs, without what a reader of the page has beside it: the docstrings."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any


def listing(subject: type | Callable[..., Any]) -> str:
    """The source of a class or function, its docstrings and linters' marks left out.

    >>> from conv_reference.chapter.filters import Filter
    >>> print(listing(Filter.__call__))
    def __call__(self, images: Float[Tensor, "n h w"]) -> Float[Tensor, "n oh ow"]:
        output: Tensor = self.apply(images)
        return output
    <BLANKLINE>
    """
    source = textwrap.dedent(inspect.getsource(subject))
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            for number in range(docstring.lineno, (docstring.end_lineno or 0) + 1):
                lines[number - 1] = "\0"
    kept = [re.sub(r"\s+# noqa.*", "", line) for line in lines if line != "\0"]
    return "\n".join(kept).replace(":\n\n", ":\n").strip() + "\n"
