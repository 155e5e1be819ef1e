"""Finds vehicles that touch, and stops those that obey their controls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carla_double.world.fleet import ComplexArray, Fleet, IntArray

_OUTLINE = np.array([1 + 1j, 1 - 1j, -1 - 1j, -1 + 1j])


@dataclass(frozen=True)
class Contact:
    """Two vehicles that touch, as the first of them feels it."""

    actor: int
    other: int
    impulse: tuple[float, float, float]
    """N s on `actor`, in the world's frame."""


def touching(fleet: Fleet, free: IntArray) -> list[tuple[int, int]]:
    """Return pairs of rows that overlap; the first of each pair is one of `free`."""
    if len(fleet) < 2 or not len(free):
        return []
    distance = np.abs(fleet.position[free][:, None] - fleet.position)
    # The wider of two diagonals is an upper bound; the fine test is for the few that remain.
    reach = np.hypot(fleet.half_length_m, fleet.half_width_m)
    near = distance < reach[free][:, None] + reach
    near[np.arange(len(free)), free] = False
    pairs = []
    for i, other in zip(*(index.tolist() for index in near.nonzero()), strict=True):
        row = int(free[i])
        if overlap(outline(fleet, row), outline(fleet, other)):
            pairs.append((row, other))
    return pairs


def resolve(fleet: Fleet, pairs: list[tuple[int, int]]) -> list[Contact]:
    """Stop the first vehicle of each pair if it moves towards the other; return what it felt."""
    contacts = []
    for row, other in pairs:
        heading = np.exp(1j * fleet.yaw_rad[row])
        towards = fleet.position[other] - fleet.position[row]
        closing = float((towards * heading.conj()).real) * fleet.speed_mps[row] > 0.0
        velocity = fleet.speed_mps[row] * heading
        impulse = -fleet.mass_kg[row] * velocity
        contacts.append(
            Contact(
                int(fleet.id[row]),
                int(fleet.id[other]),
                (float(impulse.real), float(impulse.imag), 0.0),
            )
        )
        if closing:
            fleet.speed_mps[row] = 0.0
    return contacts


def outline(fleet: Fleet, row: int) -> ComplexArray:
    """Return the four corners of a vehicle, `complex128[4]`."""
    half = fleet.half_length_m[row] * _OUTLINE.real + 1j * fleet.half_width_m[row] * _OUTLINE.imag
    return np.asarray(fleet.position[row] + half * np.exp(1j * fleet.yaw_rad[row]))


def overlap(a: ComplexArray, b: ComplexArray) -> bool:
    """Whether two rectangles overlap: no side of either separates them."""
    for box in (a, b):
        for side in (box[1] - box[0], box[2] - box[1]):
            first, second = (a * side.conjugate()).real, (b * side.conjugate()).real
            if first.max() < second.min() or second.max() < first.min():
                return False
    return True
