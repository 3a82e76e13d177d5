# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing a result by a newer one: the object and references to it stay, its data is new."""

from __future__ import annotations

import bpy

from ..kept_values import kept_numbers

PLACED_PROPERTY = "sjc_placed"
"""Custom property: where an object was placed, to know whether it was moved."""

MOVED = 1e-5


def remember_place(obj: bpy.types.Object) -> None:
    """Store the place of a result."""
    obj[PLACED_PROPERTY] = _place(obj)


def take_place(new: bpy.types.Object, old: bpy.types.Object) -> bpy.types.Object:
    """Move a newly imported result into an older object; the new object is removed.

    The older one keeps its name, its collections, parents, modifiers and constraints, and its place if it was moved.
    Objects and files that refer to it see the new result.

    Parameters
    ----------
    new, old : bpy.types.Object
        Of the same type.

    Returns
    -------
    bpy.types.Object
        `old`.
    """
    data = old.data
    if not _was_moved(old):
        old.matrix_basis = new.matrix_basis
        old[PLACED_PROPERTY] = new.get(PLACED_PROPERTY)
    old.data = new.data
    for key in _own_properties(old):
        del old[key]
    for key in _own_properties(new):
        old[key] = new[key]
    old.hide_viewport, old.hide_render = new.hide_viewport, new.hide_render
    bpy.data.objects.remove(new)
    _remove_unused(data)
    old.data.name = old.name
    return old


def remove_result(obj: bpy.types.Object) -> None:
    """Remove an object, and its data if nothing else uses it."""
    data = obj.data
    bpy.data.objects.remove(obj)
    _remove_unused(data)


def _was_moved(obj: bpy.types.Object) -> bool:
    told = kept_numbers(obj, PLACED_PROPERTY, 16)
    return told is not None and any(abs(a - b) > MOVED for a, b in zip(told, _place(obj), strict=True))


def _place(obj: bpy.types.Object) -> list[float]:
    return [obj.matrix_basis[row][column] for row in range(4) for column in range(4)]


def _own_properties(obj: bpy.types.Object) -> list[str]:
    """Return the names of a result's custom properties, except its place."""
    names: list[str] = list(obj.keys())
    return [name for name in names if name.startswith("sjc_") and name != PLACED_PROPERTY]


def _remove_unused(data: bpy.types.ID | None) -> None:
    if data is not None and data.users <= int(data.use_fake_user):
        bpy.data.batch_remove([data])  # type: ignore[arg-type]  # any sequence will do
