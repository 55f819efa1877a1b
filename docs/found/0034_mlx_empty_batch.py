"""MLX alone: what an empty batch, or no group at all, does to the process.

Exits 1 where one of them kills it or raises, 0 where the defects do not show.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

START = "import mlx.core as mx; mx.set_default_device(mx.cpu)\n"
CASES = {
    "dK of an empty batch, two groups": """
x, k, g = mx.zeros((0, 1, 1, 2)), mx.ones((2, 1, 1, 1)), mx.zeros((0, 1, 1, 2))
mx.eval(mx.vjp(lambda k: mx.conv2d(x, k, groups=2), [k], [g])[1])""",
    "dK of an empty batch, one group": """
x, k, g = mx.zeros((0, 1, 1, 1)), mx.ones((1, 1, 1, 1)), mx.zeros((0, 1, 1, 1))
mx.eval(mx.vjp(lambda k: mx.conv2d(x, k), [k], [g])[1])""",
    "Y with groups = 0": """
mx.eval(mx.conv2d(mx.zeros((1, 1, 1, 2)), mx.ones((2, 1, 1, 1)), groups=0))""",
    "Y of no channel": """
mx.eval(mx.conv2d(mx.zeros((1, 3, 3, 0)), mx.ones((1, 2, 2, 0))))""",
}


def main() -> int:
    print("mlx", version("mlx"))
    worst = 0
    for name, code in CASES.items():
        done = subprocess.run(
            [sys.executable, "-c", START + code], capture_output=True, text=True, check=False
        )
        said = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        print(f"{name}: {said[0]}")
        worst |= int(done.returncode != 0)
    return worst


if __name__ == "__main__":
    sys.exit(main())
