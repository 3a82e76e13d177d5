"""The real mouse over Blender's window, by ``xdotool``; places of buttons as Blender itself tells them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import bpy

HOVER = 0.06
"""Seconds after which Blender knows what is under the mouse."""

Spot = tuple[int, int]


def xdotool(*words: object) -> None:
    """Move the real mouse, press its buttons."""
    subprocess.run(["xdotool", *map(str, words)], check=True)


def sidebar() -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]:
    """Where the panel is."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def under_the_mouse() -> str:
    """Operator of the add-on under the mouse, and what tells its buttons apart; empty over anything else."""
    window, area, region = sidebar()
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=window, area=area, region=region):  # type: ignore[attr-defined]
        if not bpy.ops.ui.copy_python_command_button.poll():  # type: ignore[call-arg]  # the stubs
            return ""
        bpy.ops.ui.copy_python_command_button()
    written = manager.clipboard
    if not written.startswith("bpy.ops.sjc."):
        return ""
    name, _, rest = written.removeprefix("bpy.ops.").partition("(")
    given = eval(f"dict({rest}") if rest else {}  # what Blender has written itself
    return name + told(given)


def told(given: dict[str, Any]) -> str:
    """What tells two buttons of an operator apart."""
    kept = {name: given[name] for name in ("job", "now", "places", "folder", "directory") if given.get(name)}
    return json.dumps(kept, sort_keys=True) if kept else ""


def looked_for(start: str, low: int = 90, high: int = 715, then: Spot | None = None) -> Iterator[float | Spot]:
    """Look for a button whose operator begins so, from the top: yields seconds to wait, and at last its place.

    Raises
    ------
    RuntimeError
        There is none.
    """
    _window, _area, region = sidebar()
    places = [(x, y) for y in range(low, high, 9) for x in range(region.x + 25, region.x + region.width - 38, 22)]
    for x, y in [*([then] if then else []), *places]:
        xdotool("mousemove", x, y)
        yield HOVER
        if under_the_mouse().startswith(start):
            yield x, y
            return
    raise RuntimeError(f"there is no {start} to click")


def open_sidebar(category: str = "SJC") -> Iterator[float]:
    """Send the splash screen away and show the add-on's tab: yields seconds to wait."""
    xdotool("mousemove", 300, 600, "click", 1)
    yield 1.0
    _window, area, _region = sidebar()
    area.spaces.active.show_region_ui = True
    yield 1.0
    sidebar()[2].active_panel_category = category  # type: ignore[assignment]  # a tab of ours
    yield 1.0
