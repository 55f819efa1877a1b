"""How long a target's calls take: of a slow one a quick run has fewer cases, and smaller ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

_MANY = 500  # products: what a call of fewer takes is not by them


@dataclass(frozen=True)
class CallPace:
    """What a forward pass takes: so long in any case, and so much more for each product."""

    least: float = 0.0  # seconds
    per_product: float = 0.0

    @classmethod
    def of(cls, seconds: Collection[tuple[int, float]]) -> CallPace:
        """The pace that some calls show, each the fastest that they can mean: others may be busy.

        >>> CallPace.of([(9, 0.001), (1000, 0.101), (2000, 0.301)])
        CallPace(least=0.001, per_product=0.0001)

        Args:
            seconds: how many products a call has, and what it took.
        """
        least = min((taken for _, taken in seconds), default=0.0)
        many = [(taken - least) / number for number, taken in seconds if number >= _MANY]
        return cls(least, min(many, default=0.0))

    def seconds(self, products: float) -> float:
        """For one call.

        >>> CallPace(0.001, 0.0001).seconds(1000)
        0.101
        """
        return self.least + self.per_product * products


UNKNOWN = CallPace()  # by which nothing takes any time
