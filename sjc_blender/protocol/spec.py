# SPDX-License-Identifier: GPL-3.0-or-later
"""The job spec: everything that determines a result, as frozen data classes.

Lengths are in *domain units*: the longest half side of the domain box is 1, the box is
centred at the origin, Z is up and the front of the object faces -Y. Angles are degrees.
Azimuth 0 looks at the front, +90 is seen from +X; see `sjc_blender.protocol.views`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

SPEC_VERSION = 1

Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]
Range = tuple[float, float]
Device = Literal["auto", "cpu", "cuda", "mps"]
Renderer = Literal["auto", "fused", "torch"]

IDENTITY: Matrix = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Adapter:
    """An addition to a pretrained model: a LoRA, or an embedding of a new word (textual inversion).

    Attributes
    ----------
    path : str
        A ``.safetensors`` file; which of the two it is shows in it.
    weight : float
        Strength of a LoRA; an embedding is used by its word in the prompt.
    """

    path: str
    weight: float = 1.0


@dataclass(frozen=True)
class ModelSpec:
    """Which pretrained model scores the renders, and where it runs.

    Attributes
    ----------
    source : str
        ``"builtin"``, a folder in diffusers format, a single ``.safetensors`` or ``.gguf`` file, a Hugging Face
        id that is already in the local cache, or a folder of reference views.
    device : str
        Where the model runs: ``"cpu"``, ``"cuda"`` or ``"mps"``; ``"auto"`` uses CUDA if available, else the CPU.
    dtype : str
        Precision of the networks: ``"float32"``, ``"float16"`` or ``"bfloat16"``; ``"auto"`` is half precision on CUDA
        and float32 on the CPU.
    adapters : tuple of Adapter
        LoRAs and embeddings, applied in this order.
    memory : str
        Graphics memory that the job may use: ``"auto"``, what is free; that of a card of ``"6GB"``, ``"8GB"`` or
        ``"12GB"``; ``"most"``, all there is, without checking first whether the job fits. It determines what waits in
        main memory, how many samples the network processes at once and whether pictures are decoded in tiles.
    offload : str
        What waits in main memory, at least: ``"none"``; ``"model"``, each network while another runs;
        ``"sequential"``, each layer until it runs (slow, needs the least graphics memory).
    control : str
        A ControlNet for the job's guide: a folder in diffusers format, or a Hugging Face id that is already in the
        local cache; empty: none.
    ip_adapter : str
        An IP-Adapter for the job's picture: its .safetensors file, beside which lies the folder ``image_encoder``;
        empty: none.
    preview_decoder : str
        Previews by the model's own decoder (``"full"``), a tiny autoencoder from the local Hugging Face cache
        (``"tiny"``), or the linear map of the model's profile (``"linear"``).
    """

    source: str = "builtin"
    device: Device = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    adapters: tuple[Adapter, ...] = ()
    control: str = ""
    ip_adapter: str = ""
    memory: Literal["auto", "6GB", "8GB", "12GB", "most"] = "auto"
    offload: Literal["none", "model", "sequential"] = "none"
    preview_decoder: Literal["full", "tiny", "linear"] = "full"


@dataclass(frozen=True)
class Camera:
    """A pinhole or parallel camera in the domain's frame.

    Attributes
    ----------
    name : str
        Shown in messages.
    pose : Matrix
        Camera-to-domain, rigid, row major; the camera looks along its -Z, its +Y is up
        (Blender's and OpenGL's convention).
    window : tuple of float
        Left, right, bottom, top of the square image: for a perspective camera at unit
        distance (tangents), for an orthographic one in domain units.
    projection : str
        ``"perspective"`` or ``"orthographic"``.
    weight : float
        Relative frequency with which this camera is drawn.
    view_text : str
        What the model is told where this camera looks, instead of its own view words; ``{prompt}``
        in it stands for the job's prompt. Empty: the model's view words for the direction.
    """

    name: str
    pose: Matrix
    window: tuple[float, float, float, float]
    projection: Literal["perspective", "orthographic"] = "perspective"
    weight: float = 1.0
    view_text: str = ""


@dataclass(frozen=True)
class OrbitRig:
    """Viewpoints on a sphere around the domain, looking at its centre.

    Directions are uniform on the part of the sphere between the elevation limits, the
    paper's sampling: https://arxiv.org/abs/2212.00774, section 5.

    Attributes
    ----------
    distance : tuple of float
        Smallest and largest distance from the domain's centre; uniform between them.
    azimuth : tuple of float
        Smallest and largest azimuth; 0 is the front, 90 the +X side.
    elevation : tuple of float
        Smallest and largest elevation; 0 is level with the domain's centre, 90 directly above it.
    field_of_view : tuple of float
        Smallest and largest angle of the image's full width; uniform between them.
    """

    kind: Literal["orbit"] = "orbit"
    distance: Range = (1.5, 1.5)
    azimuth: Range = (-180.0, 180.0)
    elevation: Range = (-6.4, 83.5)
    field_of_view: Range = (40.0, 70.0)


@dataclass(frozen=True)
class CameraRig:
    """Viewpoints taken from given cameras, drawn by weight.

    Attributes
    ----------
    cameras : tuple of Camera
        At least one.
    jitter : float
        Degrees. Each draw rotates the camera around the domain's centre by up to this much
        in azimuth and in elevation.
    """

    cameras: tuple[Camera, ...]
    kind: Literal["cameras"] = "cameras"
    jitter: float = 0.0


@dataclass(frozen=True)
class DomainSpec:
    """The box the object lives in.

    Attributes
    ----------
    half_extents : tuple of float
        Half sides in domain units; the longest is 1.
    matrix_world : Matrix
        Domain units to world: a rotation, a uniform scale and a translation.
    floor : float or None
        Height in domain units, along the domain's own Z, at which the finished object is set down when it is imported.
        None: it stays where its cameras saw it. It does not affect the optimisation.
    """

    half_extents: tuple[float, float, float] = (1.0, 1.0, 1.0)
    matrix_world: Matrix = IDENTITY
    floor: float | None = None


LOOSENESS = 0.1
"""Default looseness of a proxy: the object keeps the dimensions of a blockout (see ``docs/quality.md``)."""

CLOSE = 0.2
"""Looseness below which nothing grows outside a proxy. Its loss alone is outweighed where a model wants much more than
the shape: a bungalow grew by a fifth of its height."""


@dataclass(frozen=True)
class ProxySpec:
    """A coarse shape that the density starts as and is held to: ``proxy.npz`` in the job's folder.

    Attributes
    ----------
    digest : str
        SHA-256 of its occupancy: a job never goes on from a checkpoint of another shape.
    looseness : float
        How freely the object may leave the shape, 0 to 1. At 0 it starts as the full shape and is held to it
        everywhere and to the end; the more, the hazier the start, the farther from the shape's surface it may go its
        own way (Sketch-Shape of Latent-NeRF, https://arxiv.org/abs/2211.07600, section 4.2), and the sooner it is let
        go: after a share of 1 - looseness of the steps. Below 0.2 nothing grows outside the shape, to the end. The
        schedules (noise levels, grids, late losses) begin at a share of 1 - looseness, at half at most, for what comes
        before is there to find the shape. At 1 the result is exactly the one without a proxy. Not in the paper.
    """

    digest: str
    looseness: float = LOOSENESS

    @property
    def close(self) -> bool:
        """Whether nothing grows outside the shape."""
        return self.looseness < CLOSE


@dataclass(frozen=True)
class GuideSpec:
    """Objects that steer the model by their shape: ``guide.npz`` in the job's folder.

    In every step a ControlNet (`ModelSpec.control`, https://arxiv.org/abs/2302.05543) is shown their depth, normals or
    edges as the step's camera sees them. Not in the paper.

    Attributes
    ----------
    digest : str
        SHA-256 of the triangles: a job never goes on from a checkpoint of another guide.
    strength : float
        Factor of what the ControlNet adds to the model's features; 1 is what it was trained with.
    levels : tuple of float
        Between which noise levels it acts, as shares of the model's table: 0 is no noise, 1 the most.
    picture : str
        What the ControlNet was trained on, and so is shown: ``"depth"``, ``"normal"`` (normals in the camera's frame),
        ``"canny"`` (edges); ``"auto"``: the one of these words that the ControlNet's name holds.
    """

    digest: str
    strength: float = 1.0
    levels: Range = (0.0, 1.0)
    picture: Literal["auto", "depth", "normal", "canny"] = "auto"


@dataclass(frozen=True)
class PictureSpec:
    """A picture of the object's front, which the model sees beside the prompt: ``picture.npz`` in the job's folder.

    An IP-Adapter (`ModelSpec.ip_adapter`, https://arxiv.org/abs/2308.06721) shows it to the model. Not in the paper.

    Attributes
    ----------
    digest : str
        SHA-256 of its pixels: a job never goes on from a checkpoint of another picture.
    strength : float
        Factor of what it adds to the model's features, seen from the front; at 1 it counts as much as the prompt.
    reach : float
        Degrees from the front from which on it is not seen; towards there its strength falls along a cosine. Seen from
        all around it would become a face on every side.
    elevation : float
        Degrees above the object's middle from which it was taken, below 0 from below: for models that turn a picture
        into an object (Zero-1-to-3, https://arxiv.org/abs/2303.11328), which need no IP-Adapter. To these strength and
        reach mean nothing.
    """

    digest: str
    strength: float = 0.6
    reach: float = 90.0
    elevation: float = 0.0


@dataclass(frozen=True)
class OriginSpec:
    """The field of another job that this one starts from: that job's checkpoint, ``origin.safetensors`` in the folder.

    Attributes
    ----------
    digest : str
        The checkpoint's own digest of its content: a job never goes on from a checkpoint of another start.
    region : str
        Where the field may change: SHA-256 of the occupancy in ``region.npz``. Outside of it, density, features and
        background stay as they are, bit by bit. Empty: it may change everywhere.
    features : bool
        Whether the features are taken too, and the background with them; else the density alone. They mean something
        only to a model whose samples are the same, latents of the same autoencoder or pixels.
    anew : bool
        Whether the region begins as haze and noise, as a field does, and not as what was there: for quite another
        object in its place, which would have to be carved out of the old one.
    """

    digest: str
    region: str = ""
    features: bool = True
    anew: bool = False


@dataclass(frozen=True)
class FieldSpec:
    """The voxel radiance field.

    Attributes
    ----------
    resolution : int
        Voxels along the longest side; voxels are cubes.
    feature_std : float
        Standard deviation of the features at the start.
    background : tuple of float
        Feature-space colour at which the background starts; empty: zeros.
    background_kind : str
        ``"texture"`` is learned, as in the paper; ``"constant"`` is `background` in all directions; ``"random"``
        is another colour in every step, so that no matter can hide in it; ``"none"`` adds nothing to the image.
    stages : tuple of (float, int)
        Coarse to fine: pairs of a share of the steps and the voxels a side from there on, such as
        ((0.0, 24), (0.4, 48)). The first share is 0, the last count is `resolution`; empty: `resolution` from the
        start.
    proxy : ProxySpec or None
        The shape that the density starts as and is held to; None: the density starts as haze and is not held.
    origin : OriginSpec or None
        The field of another job to start from: interpolated on a finer grid; on a coarser grid the mean of its
        voxels, softened so that it can change shape.
    renderer : str
        ``"fused"`` marches rays in its own kernels (CPUs and CUDA), ``"torch"`` with PyTorch's operations, which is
        much slower and gives the same result. ``"auto"`` uses the fused one where it is available.
    blob_density : float
        Height of a bump in the middle of the initial haze, before the softplus, so that all views agree on a place
        from the first step on; 0 for none (DreamFusion, https://arxiv.org/abs/2209.14988: 5). Not in the paper.
    """

    resolution: int = 100
    feature_std: float = 1.0
    background: tuple[float, ...] = ()
    background_kind: Literal["texture", "constant", "random", "none"] = "texture"
    stages: tuple[tuple[float, int], ...] = ()
    proxy: ProxySpec | None = None
    origin: OriginSpec | None = None
    renderer: Renderer = "auto"
    blob_density: float = 0.0


@dataclass(frozen=True)
class OptimisationSpec:
    """The SJC optimisation. Defaults are the published configuration.

    Attributes
    ----------
    steps : int
        Steps of the optimisation.
    schedule_steps : int
        Length of the schedules below in steps; 0: `steps`. A job that is continued keeps the schedules of its
        original length.
    learning_rate : float
        Adamax learning rate of the field.
    background_learning_rate : float
        Adamax learning rate of the background texture.
    guidance_scale : float
        Scale of the guidance; 1 skips the unconditional call.
    guidance : str
        ``"classifier_free"``: classifier-free guidance. ``"classifier_score"``: only the difference that the prompt
        makes, times the scale (CSD, https://arxiv.org/abs/2310.19415, not in the paper); `estimator` then determines
        only whether noise is added. In both the negative prompt replaces the empty prompt.
    guidance_rescale : float
        Share, 0 to 1, of the contrast added by guidance that is removed again, against colours that are too strong
        (https://arxiv.org/abs/2305.08891); 0 switches it off. Not in the paper.
    perp_neg_weight : float
        How strongly a view that is neither front nor side is led away from looking like them, against objects with
        several faces (Perp-Neg, https://arxiv.org/abs/2304.04968); 1 is the usual strength, 0 switches it off. Up to
        twice as many network evaluations. Not in the paper.
    view_blending : str
        How the model's view words are chosen: as the model's profile says (``"model"``), those of the nearest view
        (``"nearest"``, as in the paper), or blends of the two views beside the camera (``"azimuth"``) or of the four
        around it (``"bilinear"``).
    timesteps : tuple of int
        First and last index into the model's sigma table, drawn uniformly.
    timesteps_end : tuple of int or None
        If given, the range moves from `timesteps` to this over the run.
    above_until : float
        Share of the steps, at the beginning, in which an orbit uses only elevations of 45 degrees and more: a hollow
        that begins open stays open. 0 switches it off. Not in the paper.
    views : int
        Views per step; their scores and losses are averaged.
    noises : int
        Noise samples per view; the scores are averaged.
    estimator : str
        PAAS by Eq. 16 (``"eq16"``) or Eq. 15 (``"eq15"``) of the paper, or no PAAS (``"none"``: the render is scored
        without noise, for comparison).
    sigma_power : float
        The score is multiplied by sigma to this power before it is back-propagated; 1 in the paper.
    clip : tuple of float or None
        If given, each element of the 2D score is clipped to this absolute value; the limit moves linearly from the
        first to the second over the run.
    loss_unit : str
        Unit of the loss weights below. ``"published"``: plain numbers as in the paper, whose strength beside the score
        depends on model, guidance and grid. ``"score"``: numbers of the score and of the voxel, so that a weight means
        the same with any model, guidance and grid; at most 50.
    emptiness_weight : float
        Weight lambda of the emptiness loss, mean log(1 + beta w) in images of 64 x 64; in images of other sizes a
        sample has the same weight.
    emptiness_scale : float
        Scale beta of the emptiness loss: the larger, the more it acts on thin density.
    emptiness_late_factor : float
        Factor of `emptiness_weight` from `emptiness_late_start` on.
    emptiness_late_start : float
        Share of the steps after which `emptiness_late_factor` applies, and the late losses begin.
    depth_weight : float
        Weight of the centre-depth loss; 0 switches it off.
    camouflage_weight : float
        Weight of the loss on matter that has the background's colour, from `emptiness_late_start` on; 0 switches it
        off. Not in the paper.
    sharpening : float
        Factor by which the slopes of the density become steeper, once, at `sharpening_start`: edges become hard and
        fog disappears; 1 switches it off. Not in the paper.
    sharpening_start : float
        Share of the steps after which `sharpening` is done.
    distortion_weight : float
        Weight of the mean distance between two places where a ray's light comes from, mean in images of 64 x 64, which
        favours one thin surface per ray (Mip-NeRF 360, https://arxiv.org/abs/2111.12077); 0 switches it off. Not in
        the paper.
    density_variation_weight : float
        Weight of the total variation of the voxels' densities before their activation (Plenoxels,
        https://arxiv.org/abs/2112.05131); 0 switches it off. Not in the paper.
    render_size : int
        Side of the rendered image in the model's samples (latents); 0: the model's own.
    checkpoint_every : int
        Steps between checkpoints.
    """

    steps: int = 10_000
    schedule_steps: int = 0
    learning_rate: float = 0.05
    background_learning_rate: float = 1e-4
    guidance_scale: float = 100.0
    guidance: Literal["classifier_free", "classifier_score"] = "classifier_free"
    guidance_rescale: float = 0.0
    perp_neg_weight: float = 0.0
    view_blending: Literal["model", "nearest", "azimuth", "bilinear"] = "model"
    timesteps: tuple[int, int] = (10, 969)
    timesteps_end: tuple[int, int] | None = None
    above_until: float = 0.0
    views: int = 1
    noises: int = 1
    estimator: Literal["eq15", "eq16", "none"] = "eq16"
    sigma_power: float = 1.0
    clip: tuple[float, float] | None = None
    loss_unit: Literal["published", "score"] = "published"
    emptiness_weight: float = 1e4
    emptiness_scale: float = 10.0
    emptiness_late_factor: float = 20.0
    emptiness_late_start: float = 0.5
    depth_weight: float = 0.0
    camouflage_weight: float = 0.0
    sharpening: float = 1.0
    sharpening_start: float = 0.75
    distortion_weight: float = 0.0
    density_variation_weight: float = 0.0
    render_size: int = 0
    checkpoint_every: int = 500


@dataclass(frozen=True)
class OutputSpec:
    """What is made of the finished field.

    Attributes
    ----------
    volume : bool
        Whether a Volume is made; at least one of `volume` and `mesh`.
    mesh : bool
        Whether a mesh is made.
    mesh_threshold : float or None
        Share of its light, in (0, 1), that a ray from outside has lost where the surface is cut; None: the share with
        which the mesh has the outline of the Volume.
    mesh_smoothing : float
        Width in voxels by which the density is smoothed for the mesh.
    mesh_faces : int
        Triangles that the imported mesh is reduced to; 0: all faces, in quads.
    mesh_texture : int
        Pixels along a side of the imported mesh's texture; 0: vertex colours only.
    colour_views : int
        Number of rendered views that are decoded to fit the RGB grid.
    preview_camera : Camera or None
        Camera of the previews; None: at the front, a little above.
    """

    volume: bool = True
    mesh: bool = True
    mesh_threshold: float | None = None
    mesh_smoothing: float = 1.0
    mesh_faces: int = 0
    mesh_texture: int = 0
    colour_views: int = 24
    preview_camera: Camera | None = None


@dataclass(frozen=True)
class JobSpec:
    """A whole job. `sjc_blender.protocol.presets.new_job` fills one from a prompt and a preset.

    Attributes
    ----------
    prompt : str
        What to make, without words for the view.
    negative_prompt : str
        What guidance leads away from, without words for the view.
    seed : int
        Start of all random numbers. The same job with the same seed gives the same result on the same machine.
    preset : str
        The preset that the settings were made from; informative only.
    guide : GuideSpec or None
        Objects whose shape steers the model through `ModelSpec.control`.
    picture : PictureSpec or None
        A picture of the front, which the model sees through `ModelSpec.ip_adapter`, or turns into the object.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    preset: str = "standard"
    model: ModelSpec = dataclasses.field(default_factory=ModelSpec)
    cameras: OrbitRig | CameraRig = dataclasses.field(default_factory=OrbitRig)
    domain: DomainSpec = dataclasses.field(default_factory=DomainSpec)
    field: FieldSpec = dataclasses.field(default_factory=FieldSpec)
    optimisation: OptimisationSpec = dataclasses.field(default_factory=OptimisationSpec)
    outputs: OutputSpec = dataclasses.field(default_factory=OutputSpec)
    guide: GuideSpec | None = None
    picture: PictureSpec | None = None
    version: int = SPEC_VERSION

    @property
    def subject(self) -> str:
        """Name of the job's object: its prompt or, for a model without prompts, the name of the model."""
        return subject_of(self.prompt, self.model.source)


def subject_of(prompt: str, model: str) -> str:
    """Return the name of the object of a job with this prompt and this model source."""
    return prompt.strip() or PurePath(model).name.removesuffix(".safetensors").removesuffix(".gguf")


def scheduled(spec: JobSpec) -> JobSpec:
    """The job with as many steps as its schedules have; jobs for which this is equal share checkpoints."""
    optimisation = spec.optimisation
    steps = optimisation.schedule_steps or optimisation.steps
    return dataclasses.replace(spec, optimisation=dataclasses.replace(optimisation, steps=steps, schedule_steps=0))
