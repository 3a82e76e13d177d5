# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: what they need, how they do what they are for, error reports, and questions."""

import textwrap
from collections.abc import Callable
from typing import Any

import bpy

from ....protocol.errors import SjcError
from ...environment import session
from ...results.origin import is_result
from .background_mode import seen_to_its_end

LINE = 90
"""Characters in a line of a report."""

DIALOG = 320
"""Width of a dialog, in pixels before the interface's scale."""


def report_error(operator: bpy.types.Operator, error: SjcError) -> None:
    """Report an error in lines that fit the window, as Blender truncates long ones."""
    lines = [line for part in (error.message, error.hint) for line in part.splitlines()]
    shown = [short for line in lines for short in textwrap.wrap(line, LINE) or [""]]
    operator.report({"ERROR"}, " \n".join(shown))  # the status bar joins the lines with nothing between


def possible(operator: Any, condition: bool, otherwise: str) -> bool:
    """Return `condition`; if it does not hold, `otherwise` is the message of the operator's grey button."""
    if not condition:
        operator.poll_message_set(otherwise)
    return condition


def in_object_mode(operator: Any, context: bpy.types.Context) -> bool:
    """Return whether Blender is in Object Mode; if not, set the poll message."""
    return possible(operator, context.mode == "OBJECT", "Go to Object Mode first")


def is_saved(operator: Any, _context: bpy.types.Context) -> bool:
    """Return whether something can lie beside the open file; if not, set the poll message."""
    return possible(operator, bool(bpy.data.filepath), "Save the file first")


def on_result(operator: Any, context: bpy.types.Context) -> bool:
    """Return whether the active object is a result; if not, set the poll message."""
    return possible(operator, is_result(context.object), "Choose the Volume or the mesh of a job")


def engine_is_ready(operator: Any, _context: bpy.types.Context) -> bool:
    """Return whether the engine was found, for a click does not wait for that; if not, set the poll message."""
    obstacle = session.obstacle()
    return possible(operator, not obstacle, obstacle)


class Action:
    """A mix-in for operators that do one thing, which can fail.

    Attributes
    ----------
    needs : tuple of callable
        Each takes the operator and the context, and returns whether it can be executed, as those above.
    """

    bl_options: Any = {"INTERNAL"}
    needs: tuple[Callable[[Any, bpy.types.Context], bool], ...] = ()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return all(need(cls, context) for need in cls.needs)

    def act(self, context: bpy.types.Context) -> None:
        """Do it; an SjcError is reported."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Act, in background mode until what was begun has ended."""
        try:
            with seen_to_its_end():
                self.act(context)
        except SjcError as error:
            report_error(self, error)
            return {"CANCELLED"}
        return {"FINISHED"}


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


def ask_in_dialog(operator: Any, context: bpy.types.Context, title: str, yes: str, width: int = DIALOG) -> set[str]:
    """Show what the operator draws, and execute it when the button `yes` is pressed."""
    manager = context.window_manager
    return set(manager.invoke_props_dialog(operator, width=width, title=title, confirm_text=yes, translate=False))
