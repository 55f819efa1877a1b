"""Reports of runs, as ``verify --format json`` writes them, cut to what the table needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def row(name: str, verdict: str, dtype: str = "float32", **more: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "verdict": verdict, **more}


FINDING = {
    "check": "vmap",
    "dtype": "float32",
    "quantity": "Y",
    "geometry": "n1 c2 h1 w1 o2 k1x1 s1 p0 d1 g2",
    "explanation": "expected 20, got 2\n<script>alert(1)</script>",
    "reproduce": "conv-reference verify mine:Other --case 'vmap ...'",
    "known": None,
    "also": ["vmap_nested"],
    "group": 1,
}
RIGHT: dict[str, Any] = {
    "schema": 1,
    "target": "mine:Right",
    "verdict": "rounded",
    "passed": True,
    "environment": {"framework": "right 1.0"},
    "seed": 1,
    "planned": 300,
    "judged": 300,
    "seconds": 12.3,
    "checks": [
        row("forward", "exact"),
        row("grad_input", "unsupported"),
        row("jvp", "unsupported"),
        row("precision_forward", "rounded", effective_bits=23.2, expected_bits=24.0),
        row("precision_forward", "rounded", "float16", effective_bits=10.9, expected_bits=11.0),
    ],
    "findings": [],
}
OTHER: dict[str, Any] = RIGHT | {
    "target": "mine:Other|x",
    "verdict": "wrong",
    "passed": False,
    "environment": {},
    "judged": 200,
    "checks": [row("forward", "exact"), row("vmap", "wrong"), row("one_more", "exact")],
    "findings": [FINDING, FINDING | {"dtype": "float16"}],
}


def written(folder: Path, **told: Any) -> list[Path]:
    """Files of these names."""
    for name, content in told.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return [folder / f"{name}.json" for name in told]
