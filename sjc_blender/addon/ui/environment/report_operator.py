# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that copies a bug report, by default without paths and prompts."""

import platform
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import addon_utils
import bpy
from bpy.props import BoolProperty

from .... import __package__ as base_package
from ....protocol.errors import SjcError
from ....protocol.home import home_folder
from ....protocol.plain_files import read_tail
from ... import api
from ...environment import session
from ...environment.fault_report import LOG_BYTES, fault_report, without_names
from ...jobs import job_queue, known_jobs
from ..shared.action import DIALOG, Action, ask_in_dialog
from ..shared.wrapped_label import UNIT, draw_sentences


class SJC_OT_copy_report(Action, bpy.types.Operator):
    """Copy versions, the result of the check and the logs to the clipboard, for a bug report"""  # noqa: D400 - a tooltip

    bl_idname = "sjc.copy_report"
    bl_label = "Copy Report"

    with_names: BoolProperty(
        name="With Paths and Prompts",
        description="Include the paths of your files and your prompts",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return ask_in_dialog(self, context, "Copy a report of a fault", "Copy")

    def draw(self, context: bpy.types.Context) -> None:
        said = "Versions, what the last Check found, and the ends of the logs of the set-up and of the last failed job."
        draw_sentences(self.layout, context, said, "INFO", width=DIALOG / UNIT)
        self.layout.prop(self, "with_names")

    def execute(self, context: bpy.types.Context) -> set[str]:
        text = report_text(with_names=self.with_names)
        context.window_manager.clipboard = text
        self.report({"INFO"}, f"The report is on the clipboard ({len(text.splitlines())} lines)")
        return {"FINISHED"}


def report_text(*, with_names: bool) -> str:
    """Return the text of the report."""
    text = fault_report(_versions(), session.CHECK.diagnosis, _logs())
    return text if with_names else without_names(text, _folders(), _prompts())


def _versions() -> list[tuple[str, str]]:
    found = next((module for module in addon_utils.modules() if module.__name__ == base_package), None)
    state = api.engine_state()
    return [
        ("SJC", ".".join(map(str, found.bl_info["version"])) if found is not None else "not installed as an extension"),
        ("Blender", f"{bpy.app.version_string}, {bpy.app.build_hash.decode(errors='replace')}"),
        ("Python", platform.python_version()),
        ("System", platform.platform()),
        ("Engine", f"{state.status}, from {state.source or 'nowhere'}"),
        ("Problem", str(state.problem or state.failure or "none")),
    ]


def _logs() -> list[tuple[str, str]]:
    places = [("Log of the set-up", api.engine_state().place.log)]
    failed = [job for job in job_queue.QUEUE.jobs if job.error is not None]
    if failed:
        places.append((f"Log of a job: {failed[-1].error}", failed[-1].folder.log_path))
    logs = []
    for title, path in places:
        text = ""
        with suppress(OSError, SjcError):
            text = read_tail(path.parent, path, LOG_BYTES).decode("utf-8", "replace")
        logs.append((title, text))
    return logs


def _folders() -> list[str]:
    own = (bpy.utils.resource_path("USER"), bpy.data.filepath and str(Path(bpy.data.filepath).parent))
    return [*own, str(home_folder() or ""), tempfile.gettempdir(), sys.prefix, str(api.engine_state().place.root)]


def _prompts() -> list[str]:
    written = [text for scene in bpy.data.scenes for text in (scene.sjc.prompt, scene.sjc.negative_prompt)]
    written += [text for job in job_queue.QUEUE.jobs for text in (job.spec.prompt, job.spec.negative_prompt)]
    return written + [record.subject for record in known_jobs.records]
