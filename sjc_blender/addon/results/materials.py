"""The looks of results: a volume whose pixels are its grid's colours, and a painted mesh.

A file with these materials renders in any Blender, without the add-on.
"""

from __future__ import annotations

from typing import Any

import bpy

from .vdb_file import COLOUR, DENSITY

MESH_COLOUR = "Color"
"""Name of the mesh's colour attribute."""

LOOK_PROPERTY = "sjc_look"
"""Of a Volume's material: which look it gives."""


def radiance_material(name: str) -> bpy.types.Material:
    """Make the material of a radiance field: each bit of it emits its colour and absorbs what is behind.

    Absorption and emission share one strength, so that a ray's colour is the sum of
    w_i colour_i with the weights w_i of volume rendering (Eq. 7 of arXiv 2212.00774).
    """
    material, nodes, links = _empty_material(name)
    output = _node(nodes, "ShaderNodeOutputMaterial", 600, 0)
    add = _node(nodes, "ShaderNodeAddShader", 400, 0)
    emission = _node(nodes, "ShaderNodeEmission", 200, 80)
    absorption = _node(nodes, "ShaderNodeVolumeAbsorption", 200, -80)
    absorption.inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    colour = _node(nodes, "ShaderNodeAttribute", -200, 200, "Colour")
    colour.attribute_name = COLOUR
    density = _node(nodes, "ShaderNodeAttribute", -200, 0, "Density")
    density.attribute_name = DENSITY
    links.new(colour.outputs["Color"], emission.inputs["Color"])
    links.new(density.outputs["Fac"], emission.inputs["Strength"])
    links.new(density.outputs["Fac"], absorption.inputs["Density"])
    links.new(emission.outputs["Emission"], add.inputs[0])
    links.new(absorption.outputs["Volume"], add.inputs[1])
    links.new(add.outputs["Shader"], output.inputs["Volume"])
    material[LOOK_PROPERTY] = "RADIANCE"
    return material


def scattering_material(name: str) -> bpy.types.Material:
    """Make the material of a cloud of the grid's colours, which the scene's lamps light and which casts shadows.

    The colour of what scatters is not the colour that is seen: light is scattered often, and at each time takes on
    more of it. The grid's colours are therefore made paler, by the power 1/2.
    """
    material, nodes, links = _empty_material(name)
    output = _node(nodes, "ShaderNodeOutputMaterial", 600, 0)
    cloud = _node(nodes, "ShaderNodeVolumePrincipled", 300, 0)
    cloud.inputs["Density Attribute"].default_value = DENSITY
    cloud.inputs["Density"].default_value = 1.0
    colour = _node(nodes, "ShaderNodeAttribute", -200, 100, "Colour")
    colour.attribute_name = COLOUR
    paler = _node(nodes, "ShaderNodeGamma", 50, 100, "Paler")
    paler.inputs["Gamma"].default_value = 0.5
    links.new(colour.outputs["Color"], paler.inputs["Color"])
    links.new(paler.outputs["Color"], cloud.inputs["Color"])
    links.new(cloud.outputs["Volume"], output.inputs["Volume"])
    material[LOOK_PROPERTY] = "SCATTERING"
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
    """Put a material in the place of the object's active one."""
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
