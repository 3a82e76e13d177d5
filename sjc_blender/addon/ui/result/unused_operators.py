# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator in File > Clean Up that deletes unused .vdb files, through `sjc_blender.addon.api`."""

import bpy

from ....protocol.errors import SjcError
from ... import api
from ..shared.attempt import ask_in_dialog, attempt, is_saved, report_error
from ..shared.wrapped_label import UNIT, draw_sentences

DIALOG = 420
SHOWN = 10
"""Most files listed by name."""

REST = "and {count} more"
QUESTION = "{count} files, {size} MB. This cannot be undone. Files outside of this folder that use them are not known."


class SJC_OT_delete_unused_files(bpy.types.Operator):
    """List the .vdb files in the folder sjc that no .blend in this folder uses, and delete them if you agree"""

    bl_idname = "sjc.delete_unused_files"
    bl_label = "Delete Unused SJC Files"

    _found: api.UnusedFiles | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_saved(cls)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            found = api.unused_files()
        except SjcError as error:
            report_error(self, error)
            return {"CANCELLED"}
        if not found.files:
            self.report({"INFO"}, f"Every file in {found.folder} is used, or younger than a day")
            return {"CANCELLED"}
        self._found = found
        return ask_in_dialog(self, context, "Delete unused files?", "Delete", DIALOG)

    def draw(self, context: bpy.types.Context) -> None:
        found = self._found
        if found is None:
            return
        for path in found.files[:SHOWN]:
            self.layout.label(text=path.name, icon="OUTLINER_DATA_VOLUME", translate=False)
        if len(found.files) > SHOWN:
            self.layout.label(text=REST.replace("{count}", str(len(found.files) - SHOWN)), translate=False)
        said = QUESTION.replace("{count}", str(len(found.files))).replace("{size}", f"{found.size / 1e6:.1f}")
        draw_sentences(self.layout, context, said, "QUESTION", width=DIALOG / UNIT)

    def execute(self, context: bpy.types.Context) -> set[str]:
        def delete() -> None:
            deleted = api.delete_unused_files()
            self.report({"INFO"}, f"Deleted {len(deleted.files)} files, {deleted.size / 1e6:.1f} MB")

        return attempt(self, delete)


def _entry(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("sjc.delete_unused_files", text="Unused SJC Files...")


def register() -> None:
    """Add the entry to File > Clean Up."""
    bpy.types.TOPBAR_MT_file_cleanup.append(_entry)


def unregister() -> None:
    """Remove the entry."""
    bpy.types.TOPBAR_MT_file_cleanup.remove(_entry)
