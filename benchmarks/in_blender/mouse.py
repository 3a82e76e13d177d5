"""The real mouse over Blender's window, by ``xdotool``; places of buttons as Blender itself tells them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import bpy

HOVER = 0.06
"""Seconds after which Blender knows what is under the mouse."""

LOOKS = 15
"""How often one looks at a place where the button was before: a window that is slow to draw takes longer."""

PATIENCE = (1, 4, 12)
"""How many times `HOVER` one stays over each place: a busy Blender takes longer to know, so one looks again, slower."""

Spot = tuple[int, int]


def xdotool(*words: object) -> None:
    """Move the real mouse, press its buttons."""
    subprocess.run(["xdotool", *map(str, words)], check=True)


def sidebar() -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]:
    """Where the panel is."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def _copied(copy: Any) -> str:
    """Give what an operator copies from the button under the mouse; empty where it cannot."""
    window, area, region = sidebar()
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=window, area=area, region=region):  # type: ignore[attr-defined]
        if not copy.poll():
            return ""
        copy()
    return manager.clipboard


def property_under_the_mouse() -> str:
    """Path of the setting under the mouse, such as ``sjc.prompt``; empty over anything else."""
    return _copied(bpy.ops.ui.copy_data_path_button)


def under_the_mouse() -> str:
    """Operator of the add-on under the mouse, and what tells its buttons apart; empty over anything else."""
    written = _copied(bpy.ops.ui.copy_python_command_button)
    if not written.startswith("bpy.ops.sjc."):
        return ""
    name, _, rest = written.removeprefix("bpy.ops.").partition("(")
    given = eval(f"dict({rest}") if rest else {}  # what Blender has written itself
    return name + told(given)


def told(given: dict[str, Any]) -> str:
    """What tells two buttons of an operator apart."""
    kept = {name: given[name] for name in ("job", "now", "places", "folder", "directory") if given.get(name)}
    return json.dumps(kept, sort_keys=True) if kept else ""


def looked_for(
    start: str,
    low: int = 90,
    high: int = 715,
    then: Spot | None = None,
    seen: Callable[[], str] = under_the_mouse,
) -> Iterator[float | Spot]:
    """Look for a button whose operator begins so, from the top: yields seconds to wait, and at last its place.

    `then` is a place to look at first, and `seen` says what is under the mouse.

    Raises
    ------
    RuntimeError
        There is none.
    """
    _window, _area, region = sidebar()
    # A button is at least 20 pixels high and wide; most are wider, and found soon.
    across = range(region.x + 25, region.x + region.width - 38, 20)
    rows = range(low, high, 14)
    places = [(x, y) for part in (across[::3], across) for y in rows for x in part]
    first = [then] * LOOKS if then else []
    for times, looks in ((1, first), *((times, places) for times in PATIENCE)):
        for x, y in looks:
            xdotool("mousemove", x, y)
            yield times * HOVER
            if seen().startswith(start):
                yield 4 * times * HOVER  # a busy Blender may yet tell of the place before
                if seen().startswith(start):
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
