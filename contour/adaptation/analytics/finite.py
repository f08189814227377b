"""Numbers that may go into a statistic: every one of them there and finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from contour.errors import InputError
from registration.grid import Triple


def finite_numbers(values: Iterable[float], name: str) -> tuple[float, ...]:
    """The numbers as plain floats.

    Raises:
        InputError: one is NaN or infinite (BAD_VALUES). What was not measured is left out by the caller, never filled.
    """
    numbers = tuple(float(value) for value in values)
    for place, number in enumerate(numbers):
        if not math.isfinite(number):
            raise InputError(f"{name}[{place}] is {number}; expected a finite number", reason="BAD_VALUES")
    return numbers


def finite_triples(triples: Iterable[Sequence[float]], name: str) -> tuple[Triple, ...]:
    """The triples as plain floats; (LR, AP, SI) in, (LR, AP, SI) out.

    Raises:
        InputError: one has not three numbers, or a number that is NaN or infinite (BAD_VALUES).
    """
    found: list[Triple] = []
    for place, triple in enumerate(triples):
        numbers = finite_numbers(triple, f"{name}[{place}]")
        if len(numbers) != 3:
            raise InputError(f"{name}[{place}] has {len(numbers)} numbers; expected 3", reason="BAD_VALUES")
        found.append((numbers[0], numbers[1], numbers[2]))
    return tuple(found)


def at_least_zero(values: Iterable[float], name: str) -> tuple[float, ...]:
    """The numbers as plain floats.

    Raises:
        InputError: one is negative, NaN or infinite (BAD_VALUES).
    """
    numbers = finite_numbers(values, name)
    if min(numbers, default=0.0) < 0.0:
        raise InputError(f"{name} is {min(numbers):g}; expected 0 or more", reason="BAD_VALUES")
    return numbers


def mean_of(values: Sequence[float]) -> float:
    """The mean, never outside the values: the mean of equal values is that value to the last bit."""
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


def sd_of(numbers: Sequence[float]) -> float:
    """Their standard deviation with n - 1; of two or more that are finite."""
    mean = mean_of(numbers)
    return math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))
