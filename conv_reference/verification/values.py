"""The trials of one geometry: operands that are exact by construction, and what they settle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, Role, exact_magnitudes, exact_operands


@dataclass(frozen=True)
class Trial:
    """One choice of operands."""

    heavy: Role | None  # the operand with so many bits that a silent downcast would show
    with_bias: bool


# The balanced trial gives the bound on missed faults; each lopsided one aims at a downcast.
TRIALS = (
    Trial(heavy=None, with_bias=True),
    Trial(heavy="input", with_bias=False),
    Trial(heavy="weight", with_bias=True),
    Trial(heavy="grad_output", with_bias=True),
)

# The two operands in which each quantity is bilinear (db is linear in G alone).
_FACTORS: dict[str, tuple[Role, ...]] = {
    "Y": ("input", "weight"),
    "dX": ("weight", "grad_output"),
    "dK": ("input", "grad_output"),
    "db": ("grad_output",),
}


def trial_operands(geometry: Geometry, dtype: torch.dtype, trial: Trial, *, seed: int) -> Operands:
    """The operands of a trial; they depend on nothing but the arguments.

    Args:
        geometry: the sizes.
        dtype: floating.
        trial: one of ``TRIALS``.
        seed: of the run.

    Raises:
        ValueError: when the geometry sums too many products to be exact in the dtype.
    """
    key = f"{seed} {geometry} {dtype} {trial}".encode()
    own_seed = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 1
    return exact_operands(geometry, dtype, seed=own_seed, heavy=trial.heavy)


def miss_bound(geometry: Geometry, dtype: torch.dtype, quantity: str) -> float:
    """The probability that a fault in this quantity passes the balanced trial, at most.

    An element takes q = 2m values (-m to m without 0). If the implementation computes a
    bilinear map, so is its error, and a bilinear form that is not zero vanishes with
    probability at most 1 - (1 - 1/q)² (Schwartz and Zippel, for multilinear polynomials);
    db is linear: at most 1/q. The lopsided trials come on top and are not counted.

    Args:
        geometry: the sizes.
        dtype: floating.
        quantity: Y, dX, dK or db.
    """
    magnitudes = exact_magnitudes(geometry, dtype)
    caught = 1.0
    for role in _FACTORS[quantity]:
        caught *= 1 - 1 / (2 * getattr(magnitudes, role))
    return 1 - caught
