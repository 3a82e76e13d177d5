# SPDX-License-Identifier: GPL-3.0-or-later
"""From where the next job looks, at what box, and what shapes it keeps to: a part of ``scene.sjc``."""

import math
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from ....protocol.guide import guide_picture_of
from ....protocol.spec import LOOSENESS
from ...rigs.domain import BOXLESS
from ...rigs.proxy import SOLID_KINDS
from ...rigs.rig_choice import SAMPLES, RigChoice
from .degrees import in_degrees

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
    """Whether an object can be a proxy, or a guide."""
    return obj.type in SOLID_KINDS or obj.instance_type == "COLLECTION"


class RigSettings:
    """Fields of `SJC_PG_settings` that choose viewpoints, domain, proxy and guide."""

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

    guide_kind: EnumProperty(
        name="Guided By",
        description="What the model is to follow: in every step its ControlNet is shown the depth, normals or edges of "
        "these objects as the step's camera sees them",
        items=[
            ("NONE", "None", "The prompt alone tells the model what to show"),
            ("PROXY", "Proxy", "The model follows the shape of the proxy"),
            ("OBJECT", "Object", "The model follows the shape of an object"),
            ("COLLECTION", "Collection", "The model follows the shapes of the objects of a collection"),
        ],
    )
    guide_object: PointerProperty(
        name="Guide Object",
        description="Object whose shape the model follows; it need not be closed",
        type=bpy.types.Object,
        poll=has_surface,
    )
    guide_collection: PointerProperty(
        name="Guide Collection",
        description="Collection of the objects whose shapes the model follows",
        type=bpy.types.Collection,
    )
    guide_control: StringProperty(
        name="ControlNet",
        description="ControlNet for depth, normals or edges of the model's family: its folder in diffusers format, or "
        "a Hugging Face id that is in the local cache",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    guide_picture: EnumProperty(
        name="Picture",
        description="What the ControlNet was trained on, and so is shown of the guide",
        items=[
            ("auto", "Automatic", "What the ControlNet's name tells: depth, normal or canny"),
            ("depth", "Depth", "Inverse depth: near is white"),
            ("normal", "Normals", "Normals as the camera sees them: red is left, green is up, blue faces the camera"),
            ("canny", "Edges", "Outlines and creases as white lines, such as Canny's detector draws them"),
        ],
    )
    guide_strength: FloatProperty(
        name="Strength",
        description="How strongly the model follows the guide; 1 is what the ControlNet was trained with",
        default=1.0,
        min=0.01,
        max=2.0,
        soft_min=0.1,
        soft_max=1.5,
    )
    guide_lowest: FloatProperty(
        name="Noise From",
        description="Lowest noise level at which the guide acts, as a share of the model's; more leaves details free",
        subtype="FACTOR",
        default=0.0,
        min=0.0,
        max=1.0,
    )
    guide_highest: FloatProperty(
        name="Noise To",
        description="Highest noise level at which the guide acts, as a share of the model's; less leaves the outline "
        "free",
        subtype="FACTOR",
        default=1.0,
        min=0.0,
        max=1.0,
    )

    @property
    def jitter_degrees(self) -> float:
        """The jitter for the API, in degrees."""
        return in_degrees(self.jitter)

    @property
    def proxy(self) -> bpy.types.Object | bpy.types.Collection | None:
        """The chosen proxy for the API."""
        return {"NONE": None, "OBJECT": self.proxy_object, "COLLECTION": self.proxy_collection}[self.proxy_kind]

    @property
    def guide(self) -> bpy.types.Object | bpy.types.Collection | None:
        """The objects whose shapes the model follows, as the API takes them."""
        return {
            "NONE": None,
            "PROXY": self.proxy,
            "OBJECT": self.guide_object,
            "COLLECTION": self.guide_collection,
        }[self.guide_kind]

    @property
    def guide_request(self) -> dict[str, Any]:
        """Fields of a `JobRequest` that say what guides the job."""
        if self.guide_kind == "NONE":
            return {}
        return {
            "guide": self.guide,
            "guide_strength": self.guide_strength,
            "guide_picture": self.guide_picture,
            "control": self.guide_control.strip(),
        }

    @property
    def guide_levels(self) -> dict[str, Any]:
        """The noise levels at which it acts, as an override of the job spec."""
        return {"guide": {"levels": [self.guide_lowest, self.guide_highest]}} if self.guide_kind != "NONE" else {}

    def rig_choice(self) -> RigChoice:
        """Return the chosen viewpoints for the API."""
        return RigChoice(
            self.rig,
            collection=self.cameras if self.rig in {"CAMERAS", "REGION"} else None,
            frames=(self.first_frame, self.last_frame) if self.own_frames else None,
            samples=self.path_views,
        )

    def rig_obstacle(self) -> str:
        """Return why no job can start with these; empty if there is no known reason."""
        if self.rig in {"CAMERAS", "REGION"} and self.cameras is None:
            return "Choose a collection of cameras, or the orbit"
        if self.proxy_kind != "NONE" and self.proxy is None:
            return "Choose the proxy, or start without one"
        if self.guide_kind == "PROXY" and self.proxy is None:
            return "Choose a proxy for the guide, or another guide"
        if self.guide_kind != "NONE" and self.guide is None:
            return "Choose the guide, or go without one"
        if self.guide_kind != "NONE" and not self.guide_control.strip():
            return "Choose the guide's ControlNet"
        if self.guide_kind != "NONE" and guide_picture_of(self.guide_picture, self.guide_control) is None:
            return "Choose the guide's picture: the ControlNet's name does not tell it"
        if self.guide_kind != "NONE" and self.guide_lowest > self.guide_highest:
            return "The guide's lowest noise is above the highest"
        return ""
