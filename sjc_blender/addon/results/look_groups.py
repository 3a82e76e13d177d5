# SPDX-License-Identifier: GPL-3.0-or-later
"""The looks of a result's Volume as node groups with inputs to adjust.

Each is one group of the file, shared by all materials that have the look; the inputs belong to each material.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from .vdb_file import COLOUR, DENSITY

GREY = 0.18
"""Linear brightness that contrast does not change."""

INVERSION = (-5.09406, 2.61188, -4.31805)
"""Of the reflectance of a deep cloud to the albedo of what it is made of: 1 - exp(a r + b r^2 + c r^3), from M. J.-Y.
Chiang, P. Kutz and B. Burley, "Practical and Controllable Subsurface Scattering for Production Path Tracing", 2016."""

AMBIENT = 0.25
"""Share of its colour that a cloud shows from all sides. Light that was scattered often is most of a cloud's light;
EEVEE scatters once, and Cycles as often as its volume bounces, which are 0 unless someone raises them."""

UNSHADED = 0.5
"""Share, in powers, of the differences in brightness that are taken for the shading under which a field was made."""

Group = Any
"""A node tree under construction; untyped, as kinds of nodes have different settings."""


def look_group(look: str) -> bpy.types.NodeTree:
    """Return the node group of one of `LOOKS`, created if the file does not have it."""
    name = f"SJC {look.capitalize()}"
    found = next(
        (group for group in bpy.data.node_groups if group.get("sjc_look") == look and group.library is None), None
    )
    if found is not None:
        return found
    group: Group = bpy.data.node_groups.new(name, "ShaderNodeTree")
    group["sjc_look"] = look
    LOOKS[look](group)
    return group  # type: ignore[no-any-return]


def _radiance(group: Group) -> None:
    """Each bit of the field emits its colour and absorbs what is behind.

    Absorption and emission share one strength, so that a ray's colour is the sum of w_i colour_i with the weights w_i
    of volume rendering (Eq. 7 of arXiv 2212.00774).
    """
    _input(group, "Density", 1.0, 0.0, 100.0, "Times the field's own: below 1 it is glassy, above it is hard")
    _input(group, "Brightness", 1.0, 0.0, 10.0, "Times the field's own")
    _input(group, "Contrast", 1.0, 0.0, 4.0, "Above 1 dark is darker and light is lighter")
    _input(group, "Tint", (1.0, 1.0, 1.0, 1.0), 0.0, 1.0, "Times the field's colours")
    _input(group, "Lights Others", False, 0, 1, "In Cycles, whether other objects are lit by it")
    _output(group)
    given, density = add_node(group, "NodeGroupInput", -800, 0), _density(group)
    colour = _toned(group, given, _attribute(group, COLOUR, -800, 300).outputs["Color"])
    # Rays that look for what lights a matt surface see it only where it is to light others.
    path = add_node(group, "ShaderNodeLightPath", -800, -400)
    dark = _math(group, "SUBTRACT", 1.0, given.outputs["Lights Others"])
    hidden = _math(group, "MULTIPLY", path.outputs["Is Diffuse Ray"], dark)
    seen = _math(group, "SUBTRACT", 1.0, hidden)
    strength = _math(group, "MULTIPLY", density, _math(group, "MULTIPLY", seen, given.outputs["Brightness"]))
    emission = add_node(group, "ShaderNodeEmission", 400, 100)
    absorption = add_node(group, "ShaderNodeVolumeAbsorption", 400, -100)
    absorption.inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    group.links.new(colour, emission.inputs["Color"])
    group.links.new(strength, emission.inputs["Strength"])
    group.links.new(density, absorption.inputs["Density"])
    _end(group, emission.outputs["Emission"], absorption.outputs["Volume"])


def _scattering(group: Group) -> None:
    """A cloud of the field's colours, which the scene's lamps light and which casts shadows.

    The field's colours have the shading in them under which they were made: their differences in brightness are
    reduced. What is left is what a deep cloud reflects, and not the albedo of what it is made of, which is higher.
    """
    _input(group, "Density", 1.0, 0.0, 100.0, "Times the field's own")
    _input(group, "Brightness", 1.0, 0.0, 10.0, "Times what it reflects")
    _input(group, "Contrast", 1.0, 0.0, 4.0, "Above 1 dark is darker and light is lighter")
    _input(group, "Tint", (1.0, 1.0, 1.0, 1.0), 0.0, 1.0, "Times the field's colours")
    _input(group, "Unshade", UNSHADED, 0.0, 1.0, "How much of the shading that is in the colours is taken out")
    _input(
        group,
        "Ambient",
        AMBIENT,
        0.0,
        4.0,
        "What it shows of its colours from all sides, for light that is scattered often",
    )
    _output(group)
    given, density = add_node(group, "NodeGroupInput", -1200, 0), _density(group)
    flat = _unshaded(group, given, _attribute(group, COLOUR, -1200, 300).outputs["Color"])
    colour = _scaled(group, _toned(group, given, flat), given.outputs["Brightness"])
    scatter = add_node(group, "ShaderNodeVolumeScatter", 400, 100)
    absorption = add_node(group, "ShaderNodeVolumeAbsorption", 400, -100)
    albedo = _albedo(group, colour)
    for node in (scatter, absorption):
        group.links.new(albedo, node.inputs["Color"])
        group.links.new(density, node.inputs["Density"])
    emission = add_node(group, "ShaderNodeEmission", 400, 300)
    group.links.new(colour, emission.inputs["Color"])
    group.links.new(_math(group, "MULTIPLY", density, given.outputs["Ambient"]), emission.inputs["Strength"])
    lit = add_node(group, "ShaderNodeAddShader", 600, 0)
    group.links.new(scatter.outputs["Volume"], lit.inputs[0])
    group.links.new(absorption.outputs["Volume"], lit.inputs[1])
    _end(group, emission.outputs["Emission"], lit.outputs["Shader"])


LOOKS: dict[str, Callable[[Group], None]] = {"RADIANCE": _radiance, "SCATTERING": _scattering}


def _density(group: Group) -> Any:
    """The field's density times the input."""
    given = add_node(group, "NodeGroupInput", -800, -200)
    return _math(group, "MULTIPLY", _attribute(group, DENSITY, -800, -300).outputs["Fac"], given.outputs["Density"])


def _toned(group: Group, given: Any, colour: Any) -> Any:
    """A colour times the tint, and with the contrast."""
    tinted = _vector(group, "MULTIPLY", colour, given.outputs["Tint"])
    power = add_node(group, "ShaderNodeGamma", 0, 300)
    group.links.new(_scaled(group, tinted, 1 / GREY), power.inputs["Color"])
    group.links.new(given.outputs["Contrast"], power.inputs["Gamma"])
    return _scaled(group, power.outputs["Color"], GREY)


def _unshaded(group: Group, given: Any, colour: Any) -> Any:
    """A colour with its difference in brightness reduced: times (grey / brightness) to the power of the input."""
    brightness = add_node(group, "ShaderNodeRGBToBW", -1000, 300)
    group.links.new(colour, brightness.inputs["Color"])
    ratio = _math(group, "DIVIDE", GREY, _math(group, "MAXIMUM", brightness.outputs["Val"], 0.01))
    return _scaled(group, colour, _math(group, "POWER", ratio, given.outputs["Unshade"]))


def _albedo(group: Group, colour: Any) -> Any:
    """The albedo at which a deep cloud reflects a colour, see `INVERSION`."""
    first, second, third = INVERSION
    r = _vector(group, "MINIMUM", colour, (1.0, 1.0, 1.0))
    inner = _vector(group, "MULTIPLY_ADD", r, (third,) * 3, (second,) * 3)
    inner = _vector(group, "MULTIPLY_ADD", r, inner, (first,) * 3)
    exponent = _vector(group, "MULTIPLY", r, inner)
    split, joined = (
        add_node(group, "ShaderNodeSeparateXYZ", 100, 300),
        add_node(group, "ShaderNodeCombineXYZ", 300, 300),
    )
    group.links.new(exponent, split.inputs[0])
    for axis in "XYZ":
        left = _math(group, "EXPONENT", split.outputs[axis])
        group.links.new(_math(group, "SUBTRACT", 1.0, left), joined.inputs[axis])
    return joined.outputs[0]


def _input(group: Group, name: str, default: Any, low: float, high: float, description: str) -> None:
    kind = {bool: "NodeSocketBool", float: "NodeSocketFloat", tuple: "NodeSocketColor"}[type(default)]
    socket = group.interface.new_socket(name, in_out="INPUT", socket_type=kind, description=description)
    socket.default_value = default
    if kind == "NodeSocketFloat":
        socket.min_value, socket.max_value = low, high


def _output(group: Group) -> None:
    group.interface.new_socket("Volume", in_out="OUTPUT", socket_type="NodeSocketShader")


def _end(group: Group, first: Any, second: Any) -> None:
    add, output = add_node(group, "ShaderNodeAddShader", 800, 0), add_node(group, "NodeGroupOutput", 1000, 0)
    group.links.new(first, add.inputs[0])
    group.links.new(second, add.inputs[1])
    group.links.new(add.outputs["Shader"], output.inputs["Volume"])


def add_node(group: Group, kind: str, x: float, y: float) -> Any:
    """Add a node of that kind to a node tree; untyped, as each kind has its own settings."""
    node = group.nodes.new(kind)
    node.location = (x, y)
    return node


def _attribute(group: Group, name: str, x: float, y: float) -> Any:
    node = add_node(group, "ShaderNodeAttribute", x, y)
    node.attribute_name = name
    return node


def _math(group: Group, operation: str, *values: Any) -> Any:
    node = add_node(group, "ShaderNodeMath", -200, -200)
    node.operation = operation
    return _linked(group, node, values)


def _vector(group: Group, operation: str, *values: Any) -> Any:
    node = add_node(group, "ShaderNodeVectorMath", -200, 200)
    node.operation = operation
    return _linked(group, node, values)


def _scaled(group: Group, vector: Any, factor: Any) -> Any:
    node = add_node(group, "ShaderNodeVectorMath", -200, 200)
    node.operation = "SCALE"
    group.links.new(vector, node.inputs[0])
    if isinstance(factor, float):
        node.inputs["Scale"].default_value = factor
    else:
        group.links.new(factor, node.inputs["Scale"])
    return node.outputs[0]


def _linked(group: Group, node: Any, values: Any) -> Any:
    for number, value in enumerate(values):
        if isinstance(value, (float, tuple)):
            node.inputs[number].default_value = value
        else:
            group.links.new(value, node.inputs[number])
    return node.outputs[0]
