"""Steps of a model of Stable Diffusion 1.5's size: their time, their memory, and what of it is not the network's."""

from __future__ import annotations

import time
from statistics import median

import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.engine.score_models.placement import choose_dtype
from sjc_blender.protocol import presets

from .findings import Cell, Findings, Table
from .interleaved import Step, interleaved
from .network_share import TimedJob
from .part import Plan
from .peak_memory import peak_bytes
from .stable_diffusion_size import stable_diffusion

STEPS, WARM_UP = 3, 1


def measure(plan: Plan) -> Findings:
    """Time some steps of the published settings, and a preview."""
    device = torch.device(plan.device)
    began = time.perf_counter()
    model = stable_diffusion(device, choose_dtype("auto", device, half_precision=True), narrow=plan.quick)
    made = time.perf_counter() - began
    spec = presets.new_job("a red chair", preset="paper", model={"source": "Stable Diffusion 1.5, random weights"})
    job = TimedJob(spec, model)
    steps = interleaved({"step": Step(job.step)}, STEPS, warm_up=WARM_UP)["step"].clock
    networks = job.network[WARM_UP:]
    rests = [step - network for step, network in zip(steps, networks, strict=True)]
    after_steps = peak_bytes()
    began = time.perf_counter()
    rays = camera_rays(orbit_camera(25, 20, 1.5, 55), model.sample_size, model.sample_size, device=device)
    picture = model.decode(render_chunked(job.sjc.field, rays).image[None]).cpu()
    preview = time.perf_counter() - began
    on_gpu = device.type == "cuda"
    figures = {
        "full_size_step_seconds": median(steps),
        "full_size_rest_seconds": median(rests),
        "full_size_rest_share": median(rests) / median(steps),
        "full_size_preview_seconds": preview,
        "full_size_peak_bytes": peak_bytes(),
        **({"full_size_peak_gpu_bytes": torch.cuda.max_memory_allocated()} if on_gpu else {}),
    }
    rows: list[tuple[Cell, Cell]] = [
        ("make the model, s", made),
        ("a step, s", median(steps)),
        ("the network in it, s", median(networks)),
        ("everything else in it, s", median(rests)),
        ("share of everything else", f"{figures['full_size_rest_share']:.2%}"),
        (f"a preview of {picture.shape[-1]} x {picture.shape[-2]} pixels, s", preview),
        ("peak of memory until the preview, GB", after_steps / 1e9),
        ("peak of memory, GB", peak_bytes() / 1e9),
        *([("peak of GPU memory, GB", torch.cuda.max_memory_allocated() / 1e9)] if on_gpu else []),
    ]
    millions = sum(p.numel() for part in model.networks for p in getattr(model._pipeline, part).parameters()) / 1e6
    title = f"Stable Diffusion 1.5's size ({millions:.0f} million random weights, {model.dtype}), {device}, all cores"
    note = f"Medians of {STEPS} steps after the first, by the clock; published settings: {spec.field.resolution}^3 "
    note += "voxels, 64 x 64 latents, guidance."
    return Findings(figures, [Table(title, ("", "measured"), rows, note)])
