# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator in File > Clean Up that deletes unused .vdb files, through `sjc_blender.addon.api`."""

import bpy

from ....protocol.errors import SjcError
from ... import api
from ..shared.action import Action, ask_in_dialog, is_saved, report_error
from ..shared.wrapped_label import UNIT, draw_sentences

DIALOG = 420
SHOWN = 10
"""Most files listed by name."""


class SJC_OT_delete_unused_files(Action, bpy.types.Operator):
    """List the .vdb files in the folder sjc that no .blend in this folder uses, and delete them if you agree"""

    bl_idname = "sjc.delete_unused_files"
    bl_label = "Delete Unused SJC Files"
    bl_options = set()  # found by Blender's search
    needs = (is_saved,)

    _found: api.UnusedFiles | None = None

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
            self.layout.label(text=f"and {len(found.files) - SHOWN} more", translate=False)
        said = (
            f"{len(found.files)} files, {found.size / 1e6:.1f} MB. This cannot be undone. Files outside of this folder "
            "that use them are not known."
        )
        draw_sentences(self.layout, context, said, "QUESTION", width=DIALOG / UNIT)

    def act(self, context: bpy.types.Context) -> None:
        deleted = api.delete_unused_files()
        self.report({"INFO"}, f"Deleted {len(deleted.files)} files, {deleted.size / 1e6:.1f} MB")


def _entry(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("sjc.delete_unused_files", text="Unused SJC Files...")


HOOKS = ((bpy.types.TOPBAR_MT_file_cleanup, _entry),)
