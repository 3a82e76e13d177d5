# SPDX-License-Identifier: GPL-3.0-or-later
"""The materials of results: a volume's look, which is a node group (`look_groups`), and a painted mesh.

A file with these materials renders in any Blender, without the add-on.
"""

from __future__ import annotations

from typing import Any

import bpy

from .look_groups import add_node, look_group

MESH_COLOUR = "Color"
"""Name of the mesh's colour attribute."""

LOOK_PROPERTY = "sjc_look"
"""Custom property of a Volume's material: its look."""


def look_material(name: str, look: str) -> bpy.types.Material:
    """Make the material of a Volume with one of `look_groups.LOOKS`."""
    material, tree = _empty_material(name)
    output = add_node(tree, "ShaderNodeOutputMaterial", 300, 0)
    group = add_node(tree, "ShaderNodeGroup", 0, 0)
    group.node_tree = look_group(look)
    group.width = 220
    tree.links.new(group.outputs["Volume"], output.inputs["Volume"])
    material[LOOK_PROPERTY] = look
    return material


def painted_material(name: str) -> bpy.types.Material:
    """Make the material of a result's mesh: matt, coloured by the colour attribute, lit by the scene."""
    material, tree = _empty_material(name)
    colour = add_node(tree, "ShaderNodeVertexColor", 0, 0)
    colour.layer_name = MESH_COLOUR
    _matt(tree, colour)
    return material


def textured_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """Make the material of a result's mesh that is coloured by a texture: matt, lit by the scene."""
    material, tree = _empty_material(name)
    texture = add_node(tree, "ShaderNodeTexImage", -100, 0)
    texture.image = image
    _matt(tree, texture)
    return material


def show_material(obj: bpy.types.Object, material: bpy.types.Material) -> None:
    """Replace the object's active material."""
    materials: Any = obj.data.materials  # type: ignore[union-attr]
    if materials:
        materials[obj.active_material_index or 0] = material
    else:
        materials.append(material)


def _matt(tree: bpy.types.NodeTree, colour: bpy.types.Node) -> None:
    colour.label = "Colour"
    output = add_node(tree, "ShaderNodeOutputMaterial", 600, 0)
    surface = add_node(tree, "ShaderNodeBsdfPrincipled", 300, 0)
    surface.inputs["Roughness"].default_value = 0.8
    surface.inputs["Specular IOR Level"].default_value = 0.2
    tree.links.new(colour.outputs["Color"], surface.inputs["Base Color"])
    tree.links.new(surface.outputs["BSDF"], output.inputs["Surface"])


def _empty_material(name: str) -> tuple[bpy.types.Material, bpy.types.NodeTree]:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # 5.2 gives every material its nodes and deprecates the switch
        material.use_nodes = True
    tree = material.node_tree
    assert tree is not None
    tree.nodes.clear()
    return material, tree
