# SPDX-License-Identifier: GPL-3.0-or-later
"""From where the next job looks, at what box, and what shape it keeps to: a part of ``scene.sjc``."""

import math

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty

from ....protocol.spec import LOOSENESS
from ...rigs.domain import BOXLESS
from ...rigs.proxy import SOLID_KINDS
from ...rigs.rig_choice import SAMPLES, RigChoice

RIGS = [
    ("ORBIT", "Orbit", "The model's own viewpoints all around the domain", "ORIENTATION_GIMBAL", 0),
    ("CAMERAS", "Cameras", "The cameras of a collection, as they stand in the scene", "OUTLINER_OB_CAMERA", 1),
    ("REGION", "Region", "Anywhere between the cameras of a collection, looking at the centre", "MESH_UVSPHERE", 2),
    ("ANIMATION", "Animation", "The path of the scene's camera over a range of frames", "ANIM", 3),
]


def has_box(_settings: "RigSettings", obj: bpy.types.Object) -> bool:
    """Whether an object can be a domain."""
    return obj.type not in BOXLESS


def has_surface(_settings: "RigSettings", obj: bpy.types.Object) -> bool:
    """Whether an object can be a proxy."""
    return obj.type in SOLID_KINDS or obj.instance_type == "COLLECTION"


class RigSettings:
    """Fields of `SJC_PG_settings` that choose viewpoints, domain and proxy."""

    rig: EnumProperty(name="Viewpoints", description="From where the object is looked at while it is made", items=RIGS)
    cameras: PointerProperty(
        name="Cameras",
        description="Collection of the cameras, with those in its sub-collections. "
        'A camera\'s custom property "sjc_weight" says how often it is drawn, "sjc_prompt" what is said there',
        type=bpy.types.Collection,
    )
    jitter: FloatProperty(
        name="Jitter",
        description="Largest random rotation of a drawn camera around the domain",
        subtype="ANGLE",
        min=0.0,
        max=math.radians(90),
        soft_max=math.radians(30),
    )
    own_frames: BoolProperty(name="Own Range", description="Another range of frames than the scene's")
    first_frame: IntProperty(name="First Frame", description="Where the path begins", default=1)
    last_frame: IntProperty(name="Last", description="Where the path ends", default=250)
    path_views: IntProperty(
        name="Views",
        description="Viewpoints along the path, evenly in time, between frames too",
        default=SAMPLES,
        min=2,
        max=1000,
        soft_max=200,
    )
    domain: PointerProperty(
        name="Domain",
        description="Object whose box the result fills; its front is the object's own -Y. "
        "Without one: a box 2 units wide that stands on the 3D cursor or, with cameras, around the world's origin",
        type=bpy.types.Object,
        poll=has_box,
    )
    proxy_kind: EnumProperty(
        name="Proxy",
        description="A coarse shape to start from and follow",
        items=[
            ("NONE", "None", "Start from haze; the prompt alone decides the shape"),
            ("OBJECT", "Object", "Start from the inside of an object, and follow it"),
            ("COLLECTION", "Collection", "Start from the inside of the objects of a collection, and follow it"),
        ],
    )
    proxy_object: PointerProperty(
        name="Proxy Object",
        description="Object whose inside is the coarse shape, such as a box or a sphere",
        type=bpy.types.Object,
        poll=has_surface,
    )
    proxy_collection: PointerProperty(
        name="Proxy Collection",
        description="Collection whose objects' insides are the coarse shape, such as a few boxes and spheres",
        type=bpy.types.Collection,
    )
    proxy_looseness: FloatProperty(
        name="Looseness",
        description="How freely the object may leave this shape. 0: it is kept everywhere and to the end; larger: its "
        "surface may move farther, and it is released earlier; 1: as if there were no proxy",
        subtype="FACTOR",
        default=LOOSENESS,
        min=0.0,
        max=1.0,
    )

    @property
    def proxy(self) -> bpy.types.Object | bpy.types.Collection | None:
        """The shape to start from, as the API takes it."""
        return {"NONE": None, "OBJECT": self.proxy_object, "COLLECTION": self.proxy_collection}[self.proxy_kind]

    def rig_choice(self) -> RigChoice:
        """Where the viewpoints come from, as the API takes it."""
        return RigChoice(
            self.rig,
            collection=self.cameras if self.rig in {"CAMERAS", "REGION"} else None,
            frames=(self.first_frame, self.last_frame) if self.own_frames else None,
            samples=self.path_views,
        )

    def rig_obstacle(self) -> str:
        """Say why no job can start with these; empty if nothing is seen that would prevent it."""
        if self.rig in {"CAMERAS", "REGION"} and self.cameras is None:
            return "Choose a collection of cameras, or the orbit"
        if self.proxy_kind != "NONE" and self.proxy is None:
            return "Choose the proxy, or start without one"
        return ""
