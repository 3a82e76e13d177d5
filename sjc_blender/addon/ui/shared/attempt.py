# SPDX-License-Identifier: GPL-3.0-or-later
"""What every button needs: an error of SJC as a report of Blender's, and the mode that an operator works in."""

import textwrap
from collections.abc import Callable

import bpy

from ....protocol.errors import SjcError

LINE = 90
"""Letters of a line of a report."""


def report_error(operator: bpy.types.Operator, error: SjcError) -> None:
    """Report an error in lines that fit the window: Blender cuts long ones off at both ends."""
    lines = [line for part in (error.message, error.hint) for line in part.splitlines()]
    shown = [short for line in lines for short in textwrap.wrap(line, LINE) or [""]]
    operator.report({"ERROR"}, " \n".join(shown))  # the status bar joins the lines with nothing between


def attempt(operator: bpy.types.Operator, action: Callable[[], object]) -> set[str]:
    """Do it; report what SJC has to say if it cannot be done."""
    try:
        action()
    except SjcError as error:
        report_error(operator, error)
        return {"CANCELLED"}
    return {"FINISHED"}


def in_object_mode(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    """Whether new objects can be made now; if not, the grey button says why."""
    if context.mode != "OBJECT":
        operator.poll_message_set("Go to Object Mode first")
    return context.mode == "OBJECT"
