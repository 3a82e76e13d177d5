# SPDX-License-Identifier: GPL-3.0-or-later
"""The materials of results: a volume's look, which is a node group (`look_groups`), and a painted mesh.

A file with these materials renders in any Blender, without the add-on.
"""

from __future__ import annotations

from typing import Any

import bpy

from .look_groups import look_group

MESH_COLOUR = "Color"
"""Name of the mesh's colour attribute."""

LOOK_PROPERTY = "sjc_look"
"""Custom property of a Volume's material: its look."""


def look_material(name: str, look: str) -> bpy.types.Material:
    """Make the material of a Volume with one of `look_groups.LOOKS`."""
    material, nodes, links = _empty_material(name)
    output = _node(nodes, "ShaderNodeOutputMaterial", 300, 0)
    group = _node(nodes, "ShaderNodeGroup", 0, 0)
    group.node_tree = look_group(look)
    group.width = 220
    links.new(group.outputs["Volume"], output.inputs["Volume"])
    material[LOOK_PROPERTY] = look
    return material


def painted_material(name: str) -> bpy.types.Material:
    """Make the material of a result's mesh: matt, coloured by the colour attribute, lit by the scene."""
    material, nodes, links = _empty_material(name)
    colour = _node(nodes, "ShaderNodeVertexColor", 0, 0, "Colour")
    colour.layer_name = MESH_COLOUR
    _matt(nodes, links, colour)
    return material


def textured_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """Make the material of a result's mesh that is coloured by a texture: matt, lit by the scene."""
    material, nodes, links = _empty_material(name)
    texture = _node(nodes, "ShaderNodeTexImage", -100, 0, "Colour")
    texture.image = image
    _matt(nodes, links, texture)
    return material


def show_material(obj: bpy.types.Object, material: bpy.types.Material) -> None:
    """Replace the object's active material."""
    materials: Any = obj.data.materials  # type: ignore[union-attr]
    if materials:
        materials[obj.active_material_index or 0] = material
    else:
        materials.append(material)


def _matt(nodes: bpy.types.Nodes, links: bpy.types.NodeLinks, colour: bpy.types.Node) -> None:
    output = _node(nodes, "ShaderNodeOutputMaterial", 600, 0)
    surface = _node(nodes, "ShaderNodeBsdfPrincipled", 300, 0)
    surface.inputs["Roughness"].default_value = 0.8
    surface.inputs["Specular IOR Level"].default_value = 0.2
    links.new(colour.outputs["Color"], surface.inputs["Base Color"])
    links.new(surface.outputs["BSDF"], output.inputs["Surface"])


def _empty_material(name: str) -> tuple[bpy.types.Material, bpy.types.Nodes, bpy.types.NodeLinks]:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # 5.2 gives every material its nodes and deprecates the switch
        material.use_nodes = True
    tree = material.node_tree
    assert tree is not None
    tree.nodes.clear()
    return material, tree.nodes, tree.links


def _node(nodes: bpy.types.Nodes, kind: str, x: float, y: float, label: str = ""):  # type: ignore[no-untyped-def]
    # Untyped: each kind of node has its own settings.
    node = nodes.new(kind)
    node.location = (x, y)
    node.label = label
    return node
