"""What a panel draws, without a window."""

from types import SimpleNamespace

import bpy

CONTAINERS = {"box", "row", "column", "split", "grid_flow", "column_flow"}
PADDING = 0.3
"""Of a box, above and below, in units."""


class Layout:
    """Takes what is drawn instead of Blender's layout, which exists in windows only."""

    def __init__(self, drawn=None, kind="column"):
        self.drawn = [] if drawn is None else drawn
        self.kind = kind
        self.inside = []
        self.scale_y = 1.0
        self.enabled = True
        self.unfolded = True
        self.use_property_split = False

    def __getattr__(self, kind):
        if kind not in bpy.types.UILayout.bl_rna.functions:
            raise AttributeError(kind)

        def draw(*args, **options):
            allowed = bpy.types.UILayout.bl_rna.functions[kind].parameters.keys()
            assert set(options) <= set(allowed), (kind, options)
            if kind == "panel":
                return self.row(), self.column() if self.unfolded else None
            made = SimpleNamespace() if kind == "operator" else Layout(self.drawn, kind)
            if isinstance(made, Layout):
                made.use_property_split = self.use_property_split
            self.drawn.append((kind, args, options, made))
            self.inside.append((kind, args, options, made))
            return made

        return draw

    def texts(self, kind="label"):
        return [options.get("text", "") for drawn, _, options, _ in self.drawn if drawn == kind]

    def operators(self):
        return {args[0]: made for kind, args, _, made in self.drawn if kind == "operator"}

    def places(self, top=0.0, left=0, enabled=True):
        """Everything clickable: (name, options, top in units, how many stand left of it, enabled); and the height.

        As Blender lays it out: a row is as high as the highest in it, all else stands below each other.
        """
        found, height, across = [], 0.0, self.kind in {"row", "split"}
        for number, (kind, args, options, made) in enumerate(self.inside):
            y, x = (top, left + number) if across else (top + height, left)
            possible = enabled and self.enabled
            if kind in CONTAINERS:
                padding = PADDING if kind == "box" else 0.0
                inner, own = made.places(y + padding, x, possible)
                found += inner
                own += 2 * padding
            else:
                own = options.get("scale", 1.0) if kind == "template_icon" else options.get("rows", 1.0)
                own = options.get("factor", 1.0) if kind == "separator" else own
                own *= self.scale_y
                if kind in {"operator", "prop", "popover", "template_list"}:
                    name = args[1] if kind == "prop" else args[0]
                    found.append((name, options, round(y, 3), x, possible))
            height = max(height, own) if across else height + own
        return found, round(height, 3)


def context(width=300):
    """Give what a window of usual size would: background mode has neither regions nor a scale."""
    style = SimpleNamespace(widget=SimpleNamespace(points=11))
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0), ui_styles=[style])
    return SimpleNamespace(
        scene=bpy.context.scene,
        object=bpy.context.object,
        mode=bpy.context.mode,
        view_layer=bpy.context.view_layer,
        area=SimpleNamespace(type="VIEW_3D"),
        region=SimpleNamespace(width=width, view2d=SimpleNamespace(region_to_view=lambda x, y: (x, y))),
        preferences=preferences,
        window_manager=bpy.context.window_manager,
    )
