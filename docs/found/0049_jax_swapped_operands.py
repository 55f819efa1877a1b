"""JAX alone: dX of two taps, stride 2 and padding 1 kills the process while it is compiled.

Exits 1 where it does, or where dX is wrong; 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

CODE = """
import jax
from jax import numpy as jnp


def conv(x, k):
    order = ("NCHW", "OIHW", "NCHW")
    return jax.lax.conv_general_dilated(x, k, (2, 2), ((1, 1), (0, 0)), dimension_numbers=order)


x, k = jnp.ones((1, 1, 4, 4)), jnp.ones((1, 1, 2, 3))
y, pull = jax.vjp(conv, x, k)
print(pull(jnp.ones(y.shape))[0][0, 0].tolist())
"""
EXPECTED = str([[1.0, 1.0, 1.0, 0.0]] * 4)


def main() -> int:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    said = next((line for line in done.stderr.splitlines() if "Check failed" in line), "")
    print("expected", EXPECTED)
    print("actual  ", done.stdout.strip() or f"status {done.returncode}: {said}")
    return int(done.stdout.strip() != EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
