# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedural objects: what the prior knows, and the ground truth of tests.

An object is a function from points and a `Variation` to a list of parts,
each a signed distance with a material. The canonical shape is the one
without variation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from training.fields import (
    blend,
    box,
    capsule,
    cylinder,
    ellipsoid,
    half_space,
    sphere,
    torus,
)

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.10, 0.09),
    "orange": (0.96, 0.50, 0.06),
    "yellow": (0.97, 0.86, 0.12),
    "green": (0.13, 0.62, 0.18),
    "blue": (0.12, 0.28, 0.86),
    "purple": (0.50, 0.14, 0.68),
    "pink": (0.98, 0.55, 0.74),
    "white": (0.97, 0.97, 0.96),
}
"""Colours of a caption, as the albedo of the object's main part."""

MAIN, DARK, WHITE, ORANGE, GLASS, WOOD, CREAM, SLATE, BRICK = range(9)

ACCENTS: np.ndarray = np.array(
    [
        (0.00, 0.00, 0.00),  # MAIN: filled in with the caption's colour
        (0.09, 0.09, 0.10),
        (0.96, 0.96, 0.96),
        (0.98, 0.48, 0.05),
        (0.42, 0.72, 0.86),
        (0.40, 0.23, 0.11),
        (0.93, 0.86, 0.70),
        (0.22, 0.24, 0.30),
        (0.55, 0.20, 0.14),
    ],
    dtype=np.float32,
)
"""Albedo of every material; secondary parts keep theirs whatever the caption."""

BACKGROUND: tuple[float, float, float] = (0.5, 0.5, 0.5)

_SKIN = 0.006
"""How far a lining lies over what it covers, so that rays meet the lining first."""

Part = tuple[Tensor, int]


class Variation:
    """Random proportions of one object; the canonical one varies nothing.

    Parameters
    ----------
    generator
        Source of randomness, or None for the canonical shape.
    spread
        Largest relative change of a proportion.
    stretch
        Factor of the whole object along each axis.
    """

    def __init__(
        self,
        generator: np.random.Generator | None = None,
        spread: float = 0.05,
        stretch: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        self._generator = generator
        self._spread = spread
        self.stretch = stretch

    def __call__(self, value: float) -> float:
        """Return `value`, changed by a random proportion."""
        if self._generator is None:
            return value
        return value * (1.0 + self._generator.uniform(-self._spread, self._spread))


def _duck(p: Tensor, v: Variation) -> list[Part]:
    length, head, height = v(0.56), v(0.30), v(0.34)
    body = ellipsoid(p, (0, 0.10, -0.28), (v(0.45), length, v(0.36)))
    tail = capsule(p, (0, 0.38, -0.20), (0, 0.12 + length, v(0.10)), 0.17, 0.09)
    skull = sphere(p, (0, -0.26, height), head)
    main = blend(blend(body, tail, 0.12), skull, 0.12)
    wing = ellipsoid(
        torch.stack((p[:, 0].abs(), p[:, 1], p[:, 2]), -1),
        (0.42, 0.14, -0.22),
        (0.10, v(0.30), v(0.18)),
    )
    main = blend(main, wing, 0.04)
    front = -0.26 - head
    beak = ellipsoid(p, (0, front - 0.05, height - 0.05), (v(0.17), v(0.20), v(0.075)))
    mirrored = torch.stack((p[:, 0].abs(), p[:, 1], p[:, 2]), -1)
    eye_at = (0.55 * head, -0.26 - 0.75 * head, height + 0.38 * head)
    return [(main, MAIN), (beak, ORANGE), (sphere(mirrored, eye_at, v(0.075)), DARK)]


def _car(p: Tensor, v: Variation) -> list[Part]:
    m = torch.stack((p[:, 0].abs(), p[:, 1], p[:, 2]), -1)
    width, length, deck = v(0.38), v(0.76), v(0.19)
    cabin, top = v(0.36), v(0.20)
    base = -0.15
    body = box(p, (0, 0, base), (width, length, deck), 0.08)
    roof_z = base + deck + top * 0.7
    roof = box(p, (0, 0.17, roof_z), (width - 0.06, cabin, top), 0.09)
    side = box(p, (0, 0.17, roof_z + 0.02), (width - 0.04, cabin - 0.10, top - 0.10), 0.02)
    ends = box(p, (0, 0.17, roof_z + 0.02), (width - 0.14, cabin + 0.02, top - 0.10), 0.02)
    axle = length * 0.62
    wheel_at = torch.stack((m[:, 0], p[:, 1].abs(), p[:, 2]), -1)
    wheel = cylinder(wheel_at, (width, axle, base - deck), v(0.20), 0.09, axis=0, rounding=0.03)
    lamp = sphere(m, (width * 0.62, -length + 0.02, base + 0.05), v(0.085))
    tail = box(m, (width * 0.66, length, base + 0.05), (0.09, 0.03, 0.06), 0.01)
    return [
        (blend(body, roof, 0.03), MAIN),
        (torch.minimum(side, ends), GLASS),
        (wheel, DARK),
        (lamp, CREAM),
        (tail, BRICK),
    ]


def _chair(p: Tensor, v: Variation) -> list[Part]:
    m = torch.stack((p[:, 0].abs(), p[:, 1].abs(), p[:, 2]), -1)
    half, thick, seat = v(0.41), v(0.085), v(0.10)
    height, leg = v(0.78), v(0.50)
    z = -0.14
    board = box(p, (0, 0, z), (half, half, thick), 0.03)
    inset = half - 0.10
    legs = box(m, (inset, inset, z - leg / 2), (seat, seat, leg / 2 + thick), 0.03)
    back = box(p, (0, half - thick, z + height / 2), (half, thick, height / 2 + thick), 0.04)
    cushion = box(p, (0, -0.07, z + thick + 0.02), (half - 0.07, half - 0.13, v(0.06)), 0.04)
    return [(torch.minimum(torch.minimum(board, legs), back), MAIN), (cushion, CREAM)]


def _mug(p: Tensor, v: Variation) -> list[Part]:
    """A wide mug: how much of the dark floor is seen changes with the elevation, as no painted disc does."""
    radius, half, wall, base = v(0.50), v(0.40), v(0.115), v(0.18)
    centre = (-0.16, 0, 0)
    outer = cylinder(p, centre, radius, half, rounding=0.04)
    cavity = cylinder(p, (-0.16, 0, base), radius - wall, half, rounding=0.04)
    ring = torus(p, (-0.16 + radius, 0, 0), v(0.25), v(0.10), axis=1)
    handle = torch.maximum(ring, -cylinder(p, centre, radius - wall / 2, 2.0))
    shell = torch.maximum(torch.minimum(outer, handle), -cavity)
    liner = cylinder(p, (-0.16, 0, base), radius - wall + 0.03, half + 0.03, rounding=0.04)
    liner = torch.maximum(torch.maximum(liner, -cavity), half_space(p, (0, 0, 1), half - 0.03))
    ground = half_space(p, (0, 0, 1), base - half + 0.05)
    glaze, floor = torch.maximum(liner, -ground), torch.maximum(liner, ground)
    return [(shell + _SKIN, MAIN), (glaze, WHITE), (floor, DARK)]


def _teapot(p: Tensor, v: Variation) -> list[Part]:
    radius, half = v(0.45), v(0.41)
    middle = -0.14
    body = ellipsoid(p, (0, 0, middle), (radius, radius, half))
    body = torch.maximum(body, half_space(p, (0, 0, -1), -middle + 0.88 * half))
    reach, lift = radius + v(0.29), v(0.22)
    spout = capsule(p, (0.55 * radius, 0, middle - 0.12), (reach, 0, lift), 0.17, 0.085)
    tip = sphere(p, (reach + 0.02, 0, lift + 0.055), 0.07)
    main = blend(body, spout, 0.06)
    ring = torus(p, (-radius, 0, middle + 0.03), v(0.23), 0.08, axis=1)
    handle = torch.maximum(ring, -ellipsoid(p, (0, 0, middle), (radius - 0.05, radius - 0.05, half - 0.05)))
    seat = middle + 0.86 * half
    lid = ellipsoid(p, (0, 0, seat), (0.62 * radius, 0.62 * radius, v(0.15)))
    knob = sphere(p, (0, 0, seat + 0.21), v(0.10))
    return [(main, MAIN), (handle, WOOD), (lid, CREAM), (knob, WOOD), (tip, DARK)]


def _bear(p: Tensor, v: Variation) -> list[Part]:
    m = torch.stack((p[:, 0].abs(), p[:, 1], p[:, 2]), -1)
    head, belly = v(0.29), v(0.34)
    z_head = 0.30
    body = ellipsoid(p, (0, 0.08, -0.32), (belly, v(0.30), v(0.38)))
    main = blend(body, sphere(p, (0, 0, z_head), head), 0.05)
    ear = sphere(m, (0.80 * head, 0.02, z_head + 0.80 * head), v(0.12))
    arm = capsule(m, (0.30, 0.0, -0.12), (v(0.47), -0.24, -0.28), 0.12, 0.13)
    foot = v(0.45)
    leg = capsule(m, (0.22, -0.02, -0.54), (0.29, -foot, -0.52), 0.15, 0.16)
    tail = sphere(p, (0, 0.40, -0.50), v(0.11))
    main = torch.minimum(torch.minimum(blend(main, arm, 0.03), torch.minimum(ear, tail)), blend(main, leg, 0.03))
    muzzle = ellipsoid(p, (0, -0.90 * head, z_head - 0.08), (v(0.15), 0.15, v(0.11)))
    bib = ellipsoid(p, (0, -0.09, -0.28), (0.70 * belly, 0.17, v(0.25)))
    sole = ellipsoid(m, (0.295, -foot - 0.12, -0.515), (0.105, 0.06, 0.105))
    inner = sphere(m, (0.80 * head, -0.06, z_head + 0.80 * head), 0.075)
    cream = torch.minimum(torch.minimum(muzzle, bib), torch.minimum(sole, inner))
    nose = ellipsoid(p, (0, -0.90 * head - 0.14, z_head - 0.03), (0.075, 0.05, 0.055))
    eye = sphere(m, (0.38 * head, -0.85 * head, z_head + 0.32 * head), v(0.055))
    return [(main, MAIN), (cream, CREAM), (torch.minimum(nose, eye), DARK)]


def _house(p: Tensor, v: Variation) -> list[Part]:
    width, depth, wall = v(0.46), v(0.46), v(0.32)
    rise, over = v(0.42), 0.09
    z = -0.34
    top = z + wall
    walls = box(p, (0, 0, z), (width, depth, wall))
    slope = np.array([rise, width]) / np.hypot(rise, width)
    m = torch.stack((p[:, 0].abs(), p[:, 1], p[:, 2]), -1)
    gable = half_space(m, (slope[0], 0, slope[1]), slope[1] * (top + rise))
    bound = box(p, (0, 0, top + rise / 2), (width + over, depth, rise / 2 + 0.02))
    main = torch.minimum(walls, torch.maximum(gable, bound))
    crest = box(p, (0, 0, top + rise / 2), (width + over, depth + over, rise / 2 + 0.25))
    roof = torch.maximum(torch.maximum(gable - 0.10, -gable + 0.01), crest)
    door = box(p, (0, -depth, z - wall + 0.24), (v(0.12), 0.05, v(0.24)), 0.02)
    pane = box(m, (width * 0.62, -depth, z + 0.06), (v(0.10), 0.03, v(0.10)), 0.01)
    stack = box(p, (0, depth * 0.55, top + rise + 0.08), (v(0.10), v(0.10), v(0.26)), 0.01)
    return [(main, MAIN), (roof, SLATE), (door, WOOD), (pane, GLASS), (stack, BRICK)]


def _snowman(p: Tensor, v: Variation) -> list[Part]:
    m = torch.stack((p[:, 0].abs(), p[:, 1], p[:, 2]), -1)
    low, mid, head = v(0.40), v(0.31), v(0.23)
    z_mid, z_head = 0.06, 0.44
    main = blend(sphere(p, (0, 0, -0.40), low), sphere(p, (0, 0, z_mid), mid), 0.05)
    main = blend(main, sphere(p, (0, 0, z_head), head), 0.04)
    nose = capsule(p, (0, -head, z_head), (0, -head - v(0.30), z_head - 0.03), 0.08, 0.025)
    eyes = sphere(m, (0.09, -head * 0.90, z_head + 0.09), 0.05)
    buttons = torch.minimum(sphere(p, (0, -mid, z_mid + 0.08), 0.055), sphere(p, (0, -mid * 0.97, z_mid - 0.10), 0.055))
    arms = capsule(m, (mid * 0.8, 0, z_mid + 0.05), (v(0.66), -0.12, z_mid + 0.24), 0.06)
    brim = cylinder(p, (0, 0, z_head + head * 0.72), v(0.26), 0.035, rounding=0.02)
    crown = cylinder(p, (0, 0, z_head + head * 0.72 + 0.13), v(0.17), 0.14, rounding=0.02)
    dark = torch.minimum(torch.minimum(eyes, buttons), torch.minimum(brim, crown))
    return [(main, MAIN), (nose, ORANGE), (dark, DARK), (arms, WOOD)]


def _mushroom(p: Tensor, v: Variation) -> list[Part]:
    radius, height, rim = v(0.66), v(0.50), 0.02
    cap = torch.maximum(
        ellipsoid(p, (0, 0, rim), (radius, radius, height)),
        half_space(p, (0, 0, -1), -rim),
    )
    stem = capsule(p, (0, 0, -0.52), (0, 0, 0.1), v(0.24), v(0.18))
    stem = torch.maximum(stem, half_space(p, (0, 0, -1), 0.64))
    angle = torch.atan2(p[:, 1], p[:, 0])
    sector = torch.pi / 3
    folded = torch.remainder(angle + sector / 2, sector) - sector / 2
    flat = p[:, :2].norm(dim=-1)
    q = torch.stack((flat * folded.cos(), flat * folded.sin(), p[:, 2]), -1)
    tilt = 0.55
    at = (radius * np.cos(tilt), 0, rim + height * np.sin(tilt))
    spots = torch.minimum(sphere(q, at, v(0.13)), sphere(p, (0, 0, rim + height - 0.04), v(0.16)))
    shell = ellipsoid(p, (0, 0, rim), (radius + 0.02, radius + 0.02, height + 0.02))
    return [(cap, MAIN), (stem, CREAM), (torch.maximum(spots, shell), WHITE)]


def _rocket(p: Tensor, v: Variation) -> list[Part]:
    radius, half = v(0.34), v(0.86)
    hull = ellipsoid(p, (0, 0, -0.02), (radius, radius, half))
    hull = torch.maximum(hull, half_space(p, (0, 0, -1), 0.56))
    nose = torch.maximum(hull - 0.012, half_space(p, (0, 0, -1), -0.52))
    reach, thick = v(0.60), v(0.07)
    fins = []
    for turn in (90.0, 210.0, 330.0):  # one fin at the back, two towards the front
        c, s = float(np.cos(np.radians(turn))), float(np.sin(np.radians(turn)))
        q = torch.stack((p[:, 0] * c + p[:, 1] * s, -p[:, 0] * s + p[:, 1] * c, p[:, 2]), -1)
        fin = box(q, (reach / 2, 0, -0.50), (reach / 2, thick, 0.28), 0.02)
        fins.append(torch.maximum(fin, half_space(q, (0.64, 0, 0.768), 0.02)))
    fin = torch.minimum(torch.minimum(fins[0], fins[1]), fins[2])
    port = ellipsoid(p, (0, -radius * 0.93, 0.12), (v(0.15), 0.09, v(0.15)))
    nozzle = cylinder(p, (0, 0, -0.60), v(0.17), 0.12, rounding=0.02)
    return [(hull, MAIN), (nose, SLATE), (fin, SLATE), (port, GLASS), (nozzle, DARK)]


OBJECTS: dict[str, Callable[[Tensor, Variation], list[Part]]] = {
    "duck": _duck,
    "car": _car,
    "chair": _chair,
    "mug": _mug,
    "house": _house,
    "snowman": _snowman,
    "mushroom": _mushroom,
    "rocket": _rocket,
    "bear": _bear,
    "teapot": _teapot,
}

SYMMETRIC: frozenset[str] = frozenset({"mushroom"})
"""Objects that look alike from all sides: they cannot probe a view."""

MIRROR_PLANE: dict[str, str] = {name: "y" if name in ("mug", "teapot") else "x" for name in OBJECTS}
"""The axis that may be negated without changing the object."""


_SCALE: dict[str, float] = {"snowman": 0.9, "rocket": 0.9, "chair": 0.95}
"""Tall objects are shrunk so that every training camera sees all of them."""


def parts(name: str, points: Tensor, variation: Variation | None = None) -> list[Part]:
    """Return the parts of an object: signed distances with their materials."""
    variation = variation or Variation()
    scale = [_SCALE.get(name, 1.0) * factor for factor in variation.stretch]
    found = OBJECTS[name](points / points.new_tensor(scale), variation)
    return [(distance * min(scale), material) for distance, material in found]


def distance(name: str, points: Tensor, variation: Variation | None = None) -> Tensor:
    """Return the (conservative) signed distance of points to an object."""
    return torch.stack([part for part, _ in parts(name, points, variation)]).amin(0)


def occupancy(name: str, points: Tensor) -> Tensor:
    """Return which points lie inside the canonical object.

    Parameters
    ----------
    name
        One of `OBJECTS`.
    points
        Positions in the domain box, ``[N, 3]``.

    Returns
    -------
    Tensor
        Booleans ``[N]``.
    """
    return distance(name, points.float()) <= 0
