# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory and disk space that a job needs, estimated before anything is loaded.

The weights and the field are counted. What networks take while they run is a share of their weights: where it is more,
memory runs out in a step, and `out_of_memory` goes on with less. What grows with the voxels and with the rays, where a
job could not go on, is proportional to them, by factors that are measured peaks of a process's resident memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ...protocol.events import Forecast
from ...protocol.memory import MemoryLevel
from ...protocol.proxy import grid_shape
from ...protocol.spec import JobSpec
from ...protocol.text_to_image import BY_NAME
from ..radiance.background import COLUMNS, ROWS
from ..radiance.marcher import would_be_fused
from ..radiance.marching import STEPS_PER_VOXEL
from ..results.colour import MOST_ENTRIES
from ..results.enlarging import LEAST_SIDE
from ..results.live_field import LARGEST
from ..score_models.latents import DECODED_PIXELS_AT_ONCE
from ..score_models.loading import ADAPTERS, family_at
from ..score_models.model_source import locate_model
from ..score_models.pipeline_call import DENOISERS
from ..score_models.pipeline_model import square_side
from ..score_models.placement import choose_dtype
from .weights import (
    Network,
    control_network,
    ip_adapter_network,
    networks_of,
    picture_encoder_network,
)

FLOAT = 4
CONTROL = "controlnet"
IP_ADAPTER = "ip_adapter"
NETWORK_SHARE = 0.06
"""What a sample of the model's own size takes in the networks that score, as a share of their weights. Counted: 0.02
(DiT) to 0.09 (Stable Diffusion 2.1 of 768 pixels) for models of latents; 0.7, 336 MB, for a DDPM of 256 pixels."""

DECODER_SHARE, DECODER_PIXELS = 2.4, 512**2
"""What a decoded picture of so many pixels takes, as a share of the decoder's weights; counted for Stable Diffusion."""

FUSED_SAMPLE_BYTES, SAMPLE_BYTES = 16, 130
"""Of a sample along a ray, with what its gradient needs, in the fused kernels (measured 12 to 18) and in PyTorch's
operations (102 to 137)."""

GUIDE_BYTES = 250_000_000
"""While what a camera sees of a guide is computed: measured for a million triangles in 1024 pixels, 153 to 232 MB for
their depth, 162 MB for normals and 189 MB for edges."""

OPTIMISER_FIELDS = 3.5
"""Copies of the field beside itself, its gradient and its two moments while PyTorch's Adamax steps."""

ENGINE_BYTES = 500_000_000
"""Python with its libraries; measured 490 MB on Linux with the processor alone."""

GRAPHICS_ALLOWANCE = 400_000_000
"""What CUDA's libraries take for themselves, and what the allocator cannot use; an allowance, not a measurement."""

REFERENCE_PIXELS = 128
"""Side of reference views, see `sjc_blender.engine.score_models.reference_views`."""

EVALUATIONS, PERP_NEG_EVALUATIONS = 2, 4
"""Samples that the networks see for one that is denoised, at the most: as `Condition.evaluations`."""

ENTRY_BYTES = 28
"""Of an entry of the matrix by which colours are fitted; a haze has `MOST_ENTRIES`."""

RESULT_VOXEL_BYTES = 550
"""Of a voxel while the surface is cut."""

SURFACE_BYTES = 225
FIELD_BYTES = 75
TURNTABLE_BYTES = 120_000
"""Bytes in ``result/``: of the meshes and of the compressed grids by resolution squared (a surface), and pictures."""

PREVIEW_BYTES = 1.0
"""Of a pixel of a preview; a photograph takes less than two, a plain background almost nothing."""

LIVE_VOXEL_BYTES = 10


@dataclass(frozen=True)
class Needs:
    """Bytes that a job needs.

    Attributes
    ----------
    networks : dict of str to Network
        Without the device's copy: what they take wherever they lie.
    denoising : int
        Activations of one sample.
    decoding : float
        Activations of one decoded pixel.
    samples : int
        Samples in a step, guidance included.
    pixels : int
        Side of a decoded picture.
    field : int
        The field's parameters.
    render : int
        What is kept of a step's renders until it ends.
    optimising : int
        What the optimiser takes while it steps, beside the field, its gradient and its moments.
    colouring : int
        What the result takes of main memory at the most, which a haze does: of an object it is a third.
    seeing : int
        What sees the picture beside the prompt takes of main memory, before the first step.
    checkpoint, pictures : int
        On the disk: the field with its moments, and all other files.
    together : int
        Samples that the network sees at once at the least: views around the object.
    """

    networks: dict[str, Network]
    denoising: int
    decoding: float
    samples: int
    pixels: int
    field: int
    render: int
    optimising: int
    colouring: int
    checkpoint: int
    pictures: int
    together: int = 1
    seeing: int = 0

    @property
    def weights(self) -> int:
        """All networks."""
        return sum(network.weights for network in self.networks.values())

    def working(self, level: MemoryLevel) -> int:
        """Return the memory at a level without the weights: the field, its optimiser, and the networks' activations."""
        samples = max(min(level.samples_at_once or self.samples, self.samples), self.together)
        tile = min(level.tile or self.pixels, self.pixels)
        decoded = round(self.decoding * max(tile**2, min(DECODED_PIXELS_AT_ONCE, self.pixels**2)))
        activations = max(self.render + samples * self.denoising, decoded)
        return 4 * self.field + max(activations, self.optimising)

    def graphics(self, level: MemoryLevel) -> int:
        """Return the graphics memory needed at a level."""
        return self._weights_on_card(level) + self.working(level) + GRAPHICS_ALLOWANCE

    def memory(self, level: MemoryLevel, on_card: bool) -> int:
        """Return the main memory needed, libraries included: networks are loaded there even if they do not stay."""
        working = 0 if on_card else self.working(level)
        later = max(working, (0 if on_card else 4 * self.field) + self.colouring)
        return ENGINE_BYTES + self.weights + max(later, self.seeing)

    def forecast(self, level: MemoryLevel, device: torch.device) -> Forecast:
        """Return the needs at a level as an event."""
        on_card = device.type == "cuda"
        return Forecast(self.memory(level, on_card), self.graphics(level) if on_card else 0, self.disk)

    @property
    def disk(self) -> int:
        """Largest total size of all files: a new checkpoint is complete before it replaces the old one."""
        return 2 * self.checkpoint + self.pictures

    def _weights_on_card(self, level: MemoryLevel) -> int:
        if level.offload == "none":
            return self.weights
        if level.offload == "sequential":
            return 2 * max((network.largest for network in self.networks.values()), default=0)
        # The decoder stays beside the network that scores after a preview; a text encoder is alone.
        together = sum(
            n.weights for name, n in self.networks.items() if name in (*DENOISERS, CONTROL, IP_ADAPTER, "vae")
        )
        alone = max((n.weights for name, n in self.networks.items() if name.startswith("text_encoder")), default=0)
        return max(together, alone)


def needs_of(spec: JobSpec, device: torch.device) -> Needs:
    """Forecast a job on a device.

    Raises
    ------
    SjcError
        Whatever is wrong with the model's files, as when it is loaded.
    """
    path = locate_model(spec.model.source)
    family = family_at(path)
    adapter = ADAPTERS.get(family.name)
    half_precision, wide = (adapter.half_precision, adapter.wide_half) if adapter else (False, False)
    dtype = choose_dtype(spec.model.dtype, device, half_precision, wide=wide)
    networks = networks_of(path, family, dtype)
    if spec.model.control:
        networks[CONTROL] = control_network(spec.model.control, dtype)
    if spec.model.ip_adapter:
        networks[IP_ADAPTER] = ip_adapter_network(spec.model.ip_adapter, dtype)
    scoring = [networks[name] for name in (*DENOISERS, CONTROL) if name in networks]
    seeing = picture_encoder_network(spec.model.ip_adapter).weights if spec.model.ip_adapter else 0
    vae = networks.get("vae") or networks.get("movq")
    config: Mapping[str, Any] = scoring[0].config if scoring else {}
    listed = BY_NAME.get(family.name)
    usual = listed.image_size // listed.pixels if listed else REFERENCE_PIXELS
    side = square_side(config.get("sample_size") or usual)
    size = spec.optimisation.render_size or side
    latents = vae.config if vae is not None else {}
    # Networks that see patches of latents have more channels.
    channels = latents.get("latent_channels") or latents.get("z_dim") or config.get("in_channels", 3)
    pixels = side * (listed.pixels if listed else 2 ** max(0, len(latents.get("block_out_channels", ())) - 1))
    fused = would_be_fused(spec.field.renderer, device)
    shape = grid_shape(spec.domain.half_extents, spec.field.resolution)
    voxels, largest = math.prod(shape), max(shape)
    field = FLOAT * (voxels * (channels + 1) + ROWS * COLUMNS * channels + 1)
    surface = FIELD_BYTES + (SURFACE_BYTES if spec.outputs.mesh else 0)
    previews = 21 * PREVIEW_BYTES * max(pixels, LEAST_SIDE) ** 2 + LIVE_VOXEL_BYTES * min(LARGEST, largest) ** 3
    o = spec.optimisation
    return Needs(
        networks,
        denoising=round(NETWORK_SHARE * sum(one.weights + one.spared for one in scoring) * (size / side) ** 2),
        decoding=DECODER_SHARE * vae.weights / DECODER_PIXELS if vae is not None else 3 * FLOAT,
        samples=o.views * o.noises * (PERP_NEG_EVALUATIONS if o.perp_neg_weight > 0 else EVALUATIONS),
        together=family.together,
        seeing=seeing,
        pixels=pixels,
        field=field,
        render=_render_bytes(spec, size, fused) + (GUIDE_BYTES if spec.guide is not None else 0),
        optimising=0 if fused else round(OPTIMISER_FIELDS * field),
        colouring=ENTRY_BYTES * MOST_ENTRIES + RESULT_VOXEL_BYTES * voxels,
        checkpoint=3 * field,
        pictures=round(surface * largest**2 + TURNTABLE_BYTES + previews),
    )


def _render_bytes(spec: JobSpec, size: int, fused: bool) -> int:
    """A sample every half voxel along the box's diagonal, for every ray of every view."""
    diagonal = 2 * math.dist((0, 0, 0), spec.domain.half_extents)
    samples = diagonal / (2 / spec.field.resolution) * STEPS_PER_VOXEL
    return round(spec.optimisation.views * size**2 * samples * (FUSED_SAMPLE_BYTES if fused else SAMPLE_BYTES))
