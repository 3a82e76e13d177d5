# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory and disk space that a job needs, estimated before anything is loaded.

The weights and the field are counted. What grows with the size of samples and pictures is proportional to it, by
factors that were measured:

- a network's activations, in its widest feature maps: the bytes alive at once during a call, counted with tensors
  without storage, are 26 maps for Stable Diffusion 1.5 at any size and batch, 16 for SDXL, 17 for the built-in prior,
  10 for a DDPM of 256 pixels; 12 and 13 times the tokens of DiT and Stable Diffusion 3; 6 maps for their decoder;
- the render, in samples along rays, and what the optimiser needs beside the field, its gradient and its two moments:
  peaks of the resident memory of a process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...protocol.events import Forecast
from ...protocol.memory import MemoryLevel
from ...protocol.model_families import family_of
from ...protocol.proxy import grid_shape
from ...protocol.spec import JobSpec
from ...protocol.text_to_image import BY_NAME
from ..radiance.background import COLUMNS, ROWS
from ..radiance.marcher import would_be_fused
from ..radiance.marching import STEPS_PER_VOXEL
from ..results.colour import LARGEST_VIEW, MOST_ENTRIES, MOST_PIXELS
from ..results.enlarging import LEAST_SIDE
from ..results.live_field import LARGEST
from ..score_models.latents import DECODED_PIXELS_AT_ONCE
from ..score_models.loading import ADAPTERS
from ..score_models.model_source import locate_model
from ..score_models.pipeline_folder import unknown_folder
from ..score_models.placement import choose_dtype
from .weights import DENOISERS, Network, control_network, ip_adapter_network, networks_of

FLOAT = 4
UNET_MAPS = 26
TRANSFORMER_MAPS = 13
CONTROL_MAPS = 5.2
"""What a ControlNet adds waits while the U-Net runs: counted for Stable Diffusion 1.5 and XL."""

CONTROL = "controlnet"
IP_ADAPTER = "ip_adapter"
DECODER_MAPS = 6
TEXT_TOKENS = 333
"""Of Stable Diffusion 3, whose transformer has them beside those of the picture."""

FUSED_SAMPLE_BYTES, SAMPLE_BYTES = 16, 130
"""Of a sample along a ray, with what its gradient needs, in the fused kernels (measured 12 to 18) and in PyTorch's
operations (102 to 137)."""

GUIDE_BYTES = 250_000_000
"""While what a camera sees of a guide is computed: measured 232 MB for a million triangles in 1024 pixels."""

OPTIMISER_FIELDS = 3.5
"""Copies of the field beside itself, its gradient and its two moments while PyTorch's Adamax steps."""

ENGINE_BYTES = 500_000_000
"""Python with its libraries; measured 490 MB on Linux with the processor alone."""

GRAPHICS_ALLOWANCE = 400_000_000
"""What CUDA's libraries take for themselves, and what the allocator cannot use; an allowance, not a measurement."""

REFERENCE_PIXELS = 128
"""Side of reference views, see `sjc_blender.engine.score_models.reference_views`."""

PERP_NEG_VIEWS = 2
"""Other views that Perp-Neg leads away from, see `sjc_blender.engine.score_models.perp_neg`."""

ENTRY_BYTES = 28
"""Of an entry of the matrix by which colours are fitted."""

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
    denoising, decoding : int
        Activations of one sample, and of one decoded pixel.
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
    checkpoint, result, previews : int
        On the disk.
    together : int
        Samples that the network sees at once at the least: views around the object.
    """

    networks: dict[str, Network]
    denoising: int
    decoding: int
    samples: int
    pixels: int
    field: int
    render: int
    optimising: int
    colouring: int
    checkpoint: int
    result: int
    previews: int
    together: int = 1

    @property
    def weights(self) -> int:
        """All networks."""
        return sum(network.weights for network in self.networks.values())

    def working(self, level: MemoryLevel) -> int:
        """Return the memory at a level without the weights: the field, its optimiser, and the networks' activations."""
        samples = max(min(level.samples_at_once or self.samples, self.samples), self.together)
        tile = min(level.tile or self.pixels, self.pixels)
        decoded = self.decoding * max(tile**2, min(DECODED_PIXELS_AT_ONCE, self.pixels**2))
        activations = max(self.render + samples * self.denoising, decoded)
        return 4 * self.field + max(activations, self.optimising)

    def graphics(self, level: MemoryLevel) -> int:
        """Return the graphics memory needed at a level."""
        return self._weights_on_card(level) + self.working(level) + GRAPHICS_ALLOWANCE

    def memory(self, level: MemoryLevel, on_card: bool) -> int:
        """Return the main memory needed, libraries included: networks are loaded there even if they do not stay."""
        working = 0 if on_card else self.working(level)
        return ENGINE_BYTES + self.weights + max(working, (0 if on_card else 4 * self.field) + self.colouring)

    def forecast(self, level: MemoryLevel, device: torch.device) -> Forecast:
        """Return the needs at a level as an event."""
        on_card = device.type == "cuda"
        return Forecast(self.memory(level, on_card), self.graphics(level) if on_card else 0, self.disk)

    @property
    def disk(self) -> int:
        """Largest total size of all files: a new checkpoint is complete before it replaces the old one."""
        return 2 * self.checkpoint + self.result + self.previews

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
    family = family_of(path)
    if family is None:
        raise unknown_folder(path)
    adapter = ADAPTERS.get(family.name)
    half_precision, wide = (adapter.half_precision, adapter.wide_half) if adapter else (False, False)
    dtype = choose_dtype(spec.model.dtype, device, half_precision, wide=wide)
    networks = networks_of(path, family, dtype)
    if spec.model.control:
        networks[CONTROL] = control_network(spec.model.control, dtype)
    if spec.model.ip_adapter:
        networks[IP_ADAPTER] = ip_adapter_network(spec.model.ip_adapter, dtype)
    denoiser = next((networks[name] for name in DENOISERS if name in networks), None)
    vae = networks.get("vae") or networks.get("movq")
    config = denoiser.config if denoiser is not None else {}
    listed = BY_NAME.get(family.name)
    side = _side(config.get("sample_size") or (listed.image_size // listed.pixels if listed else REFERENCE_PIXELS))
    size = spec.optimisation.render_size or side
    channels = _channels(config, vae)
    blocks = _decoder_blocks(vae)
    fused = would_be_fused(spec.field.renderer, device)
    field, render = _field_bytes(spec, channels), _render_bytes(spec, size, fused)
    pixels = side * (listed.pixels if listed else 2 ** max(0, len(blocks) - 1))
    largest = max(grid_shape(spec.domain.half_extents, spec.field.resolution))
    surface = FIELD_BYTES + (SURFACE_BYTES if spec.outputs.mesh else 0)
    if spec.guide is not None:
        render += GUIDE_BYTES
    return Needs(
        networks,
        denoising=_activations(denoiser, size, controlled=CONTROL in networks),
        decoding=DECODER_MAPS * blocks[0] * vae.itemsize if vae is not None and blocks else 3 * FLOAT,
        samples=spec.optimisation.views * spec.optimisation.noises * _evaluations(spec, family.conditioning),
        together=family.together,
        pixels=pixels,
        field=field,
        render=render,
        optimising=0 if fused else round(OPTIMISER_FIELDS * field),
        colouring=_colouring_bytes(spec, pixels),
        checkpoint=3 * field,
        result=surface * largest**2 + TURNTABLE_BYTES,
        previews=round(21 * PREVIEW_BYTES * max(pixels, LEAST_SIDE) ** 2)
        + LIVE_VOXEL_BYTES * min(LARGEST, largest) ** 3,
    )


def _channels(config: Mapping[str, Any], vae: Network | None) -> int:
    """Channels of a sample: networks that see patches of latents have more."""
    latent = (vae.config.get("latent_channels") or vae.config.get("z_dim")) if vae is not None else None
    return int(latent or config.get("in_channels", 3))


def _decoder_blocks(vae: Network | None) -> Sequence[int]:
    """Widths of a decoder, the finest first."""
    config = vae.config if vae is not None else {}
    multiples = [config.get("base_dim", 0) * multiple for multiple in config.get("dim_mult", ())]
    return config.get("block_out_channels") or config.get("decoder_block_out_channels") or multiples


def _evaluations(spec: JobSpec, conditioning: str) -> int:
    """Samples that the network sees for one that is denoised, at the most: as `Condition.evaluations`."""
    o = spec.optimisation
    if conditioning == "none":
        return 1
    other_views = PERP_NEG_VIEWS if o.perp_neg_weight > 0 and conditioning == "text" else 0
    contrasted = o.guidance_scale != 1.0 or o.guidance == "classifier_score" or other_views > 0
    return 2 + other_views if contrasted else 1


def _side(size: int | list[int]) -> int:
    return size if isinstance(size, int) else min(size)


def _field_bytes(spec: JobSpec, channels: int) -> int:
    voxels = math.prod(grid_shape(spec.domain.half_extents, spec.field.resolution))
    return FLOAT * (voxels * (channels + 1) + ROWS * COLUMNS * channels + 1)


def _render_bytes(spec: JobSpec, size: int, fused: bool) -> int:
    """A sample every half voxel along the box's diagonal, for every ray of every view."""
    diagonal = 2 * math.dist((0, 0, 0), spec.domain.half_extents)
    samples = diagonal / (2 / spec.field.resolution) * STEPS_PER_VOXEL
    return round(spec.optimisation.views * size**2 * samples * (FUSED_SAMPLE_BYTES if fused else SAMPLE_BYTES))


def _colouring_bytes(spec: JobSpec, pixels: int) -> int:
    """Fit of the colours with the light of all voxels along a ray, as a haze has it, and cut of the surface."""
    views = spec.outputs.colour_views
    seen = min(MOST_PIXELS, views * min(pixels, LARGEST_VIEW) ** 2)
    shape = grid_shape(spec.domain.half_extents, spec.field.resolution)
    entries = min(MOST_ENTRIES, seen * 4 * math.hypot(*shape))
    return round(ENTRY_BYTES * entries + RESULT_VOXEL_BYTES * math.prod(shape))


def _activations(network: Network | None, size: int, *, controlled: bool = False) -> int:
    """Bytes of one sample of `size` pixels a side on its way through the network that scores."""
    if network is None:
        return 0
    config = network.config
    if "block_out_channels" in config:
        maps = UNET_MAPS + (CONTROL_MAPS if controlled else 0)
        return int(maps * config["block_out_channels"][0] * size**2 * network.itemsize)
    heads = config.get("num_attention_heads", 16) * config.get("attention_head_dim", 64)
    width = config.get("hidden_size") or config.get("dim") or heads
    # Networks of packed latents say 1, and see patches of 2 x 2.
    packed = "sample_size" not in config
    tokens = (size / (2 if packed else config.get("patch_size") or 2)) ** 2 + TEXT_TOKENS
    return int(TRANSFORMER_MAPS * width * tokens * network.itemsize)
