"""What a panel draws, without a window."""

from types import SimpleNamespace

import bpy


class Layout:
    """Takes what is drawn instead of Blender's layout, which exists in windows only."""

    def __init__(self, drawn=None):
        self.drawn = [] if drawn is None else drawn

    def __getattr__(self, kind):
        if kind not in bpy.types.UILayout.bl_rna.functions:
            raise AttributeError(kind)

        def draw(*args, **options):
            allowed = bpy.types.UILayout.bl_rna.functions[kind].parameters.keys()
            assert set(options) <= set(allowed), (kind, options)
            made = SimpleNamespace() if kind == "operator" else Layout(self.drawn)
            self.drawn.append((kind, args, options, made))
            return made

        return draw

    def texts(self, kind="label"):
        return [options.get("text", "") for drawn, _, options, _ in self.drawn if drawn == kind]

    def operators(self):
        return {args[0]: made for kind, args, _, made in self.drawn if kind == "operator"}


def context():
    """Give what a window of usual size would: background mode has neither regions nor a scale."""
    style = SimpleNamespace(widget=SimpleNamespace(points=11))
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0), ui_styles=[style])
    return SimpleNamespace(
        scene=bpy.context.scene,
        object=bpy.context.object,
        view_layer=bpy.context.view_layer,
        area=SimpleNamespace(type="VIEW_3D"),
        region=SimpleNamespace(width=300),
        preferences=preferences,
        window_manager=bpy.context.window_manager,
    )
