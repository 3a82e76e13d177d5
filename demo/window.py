"""A session in a windowed Blender of 1280 x 800 pixels that the mouse drives, and pictures of what is seen.

The pictures go into the folder SJC_PICTURES; ImageMagick's ``import`` takes them, and ``xdotool`` moves the mouse.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import addon_utils
import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.in_blender.mouse import Spot, looked_for, property_under_the_mouse, sidebar, xdotool

EXTENSION = "bl_ext.user_default.sjc_blender"
PICTURES = Path(os.environ["SJC_PICTURES"])
PATIENCE = 1200.0
"""Seconds for a job."""

CATEGORY = "SJC"
BUTTON = 20
"""Pixels of the narrowest button."""

ASKED = 0.6
"""Seconds after which a busy Blender knows what is under the mouse."""

SLOWER = (1, 3, 9)
"""How many times that long, in one try after the other."""

TOLD = 5
"""How many times that long a click takes at most."""

PAGES = 4
"""Most pages of the sidebar."""

REDRAWN = 1.0
"""Seconds after which a software renderer has drawn the window."""


def api() -> Any:
    """Give the installed extension's API."""
    return part("api")


def part(name: str) -> Any:
    """Give a module of the installed extension, by its name within ``addon``."""
    return importlib.import_module(f"{EXTENSION}.addon.{name}")


def until(condition: Callable[[], Any], why: str, seconds: float = PATIENCE) -> Iterator[float]:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain until {why}")
        yield 0.2


def open_tab() -> Iterator[float]:
    """Press N over the viewport, and click the extension's tab."""
    xdotool("mousemove", 400, 600)
    yield REDRAWN
    if not sidebar()[1].spaces.active.show_region_ui:
        xdotool("key", "n")
        yield REDRAWN
    region = sidebar()[2]
    height = bpy.context.window_manager.windows[0].height
    for y in range(height - region.y - region.height + 20, height - region.y, 20):
        if region.active_panel_category == CATEGORY:
            break
        xdotool("mousemove", region.x + region.width - 15, y, "click", 1)
        yield 0.3
    assert region.active_panel_category == CATEGORY, "there is no such tab"
    xdotool("mousemove", 400, 600)
    yield REDRAWN


def click(operator: str) -> Iterator[float]:
    """Click the button of an operator."""
    for step in looked_for(operator):
        if not isinstance(step, tuple):
            yield step
    yield from _clicked()


def click_setting(path: str, done: Callable[[], bool], low: int = 90, then: Spot | None = None) -> Iterator[float]:
    """Click a setting, of a row of choices the first, until it is as wanted: a busy Blender tells late where it is.

    Parameters
    ----------
    done : callable
        Whether it is as wanted.
    low : int
        Pixels from the window's top below which it is.
    then : Spot or None
        Where it is looked for first.
    """
    for slower in SLOWER:
        x, y = 0, 0
        for step in looked_for(path, low, then=then, seen=property_under_the_mouse):
            if isinstance(step, tuple):
                x, y = step
            else:
                yield step
        while property_under_the_mouse() == path:
            x -= BUTTON
            xdotool("mousemove", x, y)
            yield slower * ASKED
        xdotool("mousemove", x + BUTTON, y)
        yield slower * ASKED
        if property_under_the_mouse() != path:
            continue  # it went too far: what was told was late
        yield from _clicked()
        for _ in range(TOLD):
            if done():
                return
            yield slower * ASKED
    raise RuntimeError(f"{path} is not what was clicked")


def page(key: str) -> Iterator[float]:
    """Scroll the sidebar to its end, or to its top, by the key for pages: Next or Prior."""
    region = sidebar()[2]
    xdotool("mousemove", region.x + 60, 600)
    yield REDRAWN
    for _ in range(PAGES):
        xdotool("key", key)
        yield 0.5


def _clicked() -> Iterator[float]:
    xdotool("click", 1)
    yield 0.5
    xdotool("mousemove", 400, 600)  # no tooltip in the way


def written(path: str, text: str) -> Iterator[float]:
    """Type into a field, without a click: the mouse over it, and Enter."""
    for step in looked_for(path, seen=property_under_the_mouse):
        if not isinstance(step, tuple):
            yield step
    xdotool("key", "Return")
    yield 0.5
    xdotool("key", "ctrl+a")
    xdotool("type", "--delay", 60, text)
    yield 0.5
    xdotool("key", "Return")
    yield 0.5


def shot(name: str) -> None:
    """Take a picture of the whole window."""
    _take(name, [])


def sidebar_shot(name: str) -> Iterator[float]:
    """Take a picture of the sidebar without its tabs, the mouse elsewhere."""
    xdotool("mousemove", 400, 600)
    region = sidebar()[2]
    region.tag_redraw()
    yield REDRAWN
    top = bpy.context.window_manager.windows[0].height - region.y - region.height
    _take(f"sidebar-{name}", ["-crop", f"{region.width - 28}x{region.height}+{region.x}+{top}", "+repage"])


def _take(name: str, options: list[str]) -> None:
    subprocess.run(["import", "-window", "root", *options, str(PICTURES / f"{name}.png")], check=True)


def switched_on(*turned: str) -> None:
    """Switch the installed extension on; its panels with these class names are unfolded, or folded, unlike at first."""
    addon = importlib.import_module(f"{EXTENSION}.addon")
    for name in addon.MODULES:
        importlib.import_module(f"{addon.__name__}.{name}")
    for cls in bpy.types.Panel.__subclasses__():
        if cls.__name__ in turned:
            cls.bl_options = set(getattr(cls, "bl_options", ())) ^ {"DEFAULT_CLOSED"}
    addon_utils.enable(EXTENSION, default_set=True)


def played(steps: Iterator[float]) -> None:
    """Take the steps from a timer; Blender ends with them, by an error too."""

    def go_on() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            (PICTURES / "done").touch()
        except Exception:  # the border: Blender would stand there for ever
            traceback.print_exc()
            shot("trouble")
        bpy.ops.wm.quit_blender()
        return None

    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(go_on, first_interval=2.0, persistent=True)
