# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers of operators: error reports, Object Mode, and questions."""

import textwrap
from collections.abc import Callable
from typing import Any

import bpy

from ....protocol.errors import SjcError
from .background_mode import seen_to_its_end

LINE = 90
"""Characters in a line of a report."""


def report_error(operator: bpy.types.Operator, error: SjcError) -> None:
    """Report an error in lines that fit the window, as Blender truncates long ones."""
    lines = [line for part in (error.message, error.hint) for line in part.splitlines()]
    shown = [short for line in lines for short in textwrap.wrap(line, LINE) or [""]]
    operator.report({"ERROR"}, " \n".join(shown))  # the status bar joins the lines with nothing between


def attempt(operator: bpy.types.Operator, action: Callable[[], object]) -> set[str]:
    """Call `action`, in background mode until what it began has ended; report an SjcError."""
    try:
        with seen_to_its_end():
            action()
    except SjcError as error:
        report_error(operator, error)
        return {"CANCELLED"}
    return {"FINISHED"}


def in_object_mode(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    """Return whether Blender is in Object Mode; if not, set the poll message."""
    if context.mode != "OBJECT":
        operator.poll_message_set("Go to Object Mode first")
    return context.mode == "OBJECT"


def confirm(
    operator: Any,
    context: bpy.types.Context,
    event: bpy.types.Event,
    title: str,
    message: str,
    yes: str,
    *,
    warning: bool = False,
) -> set[str]:
    """Ask whether to execute the operator; `yes` is the text of the button that does."""
    icon = "WARNING" if warning else "NONE"
    manager = context.window_manager
    return set(
        manager.invoke_confirm(
            operator, event, title=title, message=message, confirm_text=yes, icon=icon, translate=False
        )
    )
