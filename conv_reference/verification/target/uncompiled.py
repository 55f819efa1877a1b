"""What ``torch.compile`` made, and what lies beneath it."""

from __future__ import annotations

import sys
from typing import Any

_FUNCTION, _LAYER = "_torchdynamo_orig_callable", "_orig_mod"  # where it is held


def beneath(value: Any) -> Any:
    """What was compiled; anything else as it is.

    Args:
        value: a function or a layer, or whatever else a file holds.
    """
    held = getattr(value, "__dict__", {})
    # A layer's own pass is held beside it.
    return held.get("_modules", {}).get(_LAYER) or held.get(_FUNCTION) or value


def without_compiler() -> None:
    """Have this process call as it was written whatever is compiled, for good.

    Nothing is done where torch's compiler was not loaded: then nothing is compiled.
    """
    if "torch._dynamo" not in sys.modules:
        return
    import torch  # noqa: PLC0415 (its compiler is there, and so is it)

    if hasattr(torch.compiler, "set_stance"):  # from 2.6 on
        torch.compiler.set_stance("force_eager")
