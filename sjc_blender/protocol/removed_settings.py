# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that earlier releases had, or had not: a ``job.json`` that has them switched off is read as before."""

from __future__ import annotations

from typing import Any

from .errors import Fault

REMOVED: dict[str, dict[str, Any]] = {
    "optimisation": {
        "opacity_entropy_weight": 0.0,
        "opacity_entropy_start": 0.5,
        "feature_variation_weight": 0.0,
        "depth_variation_weight": 0.0,
        "near_view_weight": 0.0,
        "timesteps_curve": "linear",
        "antithetic": False,
        "blend": None,
        "data_std": 1.0,
        "camouflage_reach": 1.0,
    },
    "field": {"blob_radius": 0.2},
}
"""Fields that are gone, by the part of the spec that had them, and the only value that each may still have."""

ADDED = (
    ("optimisation", "loss_unit", "published"),
    ("model", "control", ""),
    ("", "guide", None),
    ("model", "ip_adapter", ""),
    ("", "picture", None),
)
"""Fields that came later, by the part of the spec that they are in, and the value with which each does nothing."""


def without_removed(data: Any) -> tuple[Any, list[Fault]]:
    """Return a job's JSON values without the removed settings.

    Parameters
    ----------
    data : value
        Not changed; may be anything.

    Returns
    -------
    data : value
        As it was, if it has none of them.
    faults : list of Fault
        The removed settings with a value that did something: without them the job would become another one.
    """
    faults = []
    for part, removed in REMOVED.items():
        settings = data.get(part) if isinstance(data, dict) else None
        if not isinstance(settings, dict) or not removed.keys() & settings.keys():
            continue
        faults += [
            Fault(f"{part}.{name}", settings[name], f"left out, or {off!r}: this release no longer has this setting")
            for name, off in removed.items()
            if name in settings and (settings[name] != off or isinstance(settings[name], bool) != isinstance(off, bool))
        ]
        data = data | {part: {name: value for name, value in settings.items() if name not in removed}}
    return data, faults


def as_before(data: dict[str, Any]) -> dict[str, Any]:
    """Return an encoded spec as earlier releases had it, so that its digest is theirs.

    The removed settings are in it, with the value that they may have; those that came later are not where they do
    nothing.
    """
    before = data | {part: REMOVED.get(part, {}) | data[part] for part in ("optimisation", "field", "model")}
    for part, name, off in ADDED:
        group = before[part] if part else before
        if group[name] == off:
            del group[name]
    return before
