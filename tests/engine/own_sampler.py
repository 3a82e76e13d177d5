"""What a pipeline samples by itself, step by step, beside what our denoiser says."""

import copy
import inspect
import math

import diffusers
import torch

PROMPT = "a red chair"
SIDE = 8
STEPS = 6


class Watched:
    """A pipeline's own scheduler, of whose steps a record is kept: clock, noise level, sample, clean sample."""

    def __init__(self, scheduler):
        self.__dict__.update(_own=scheduler, records=[], index=0)

    def __getattr__(self, name):
        return getattr(self._own, name)

    def __setattr__(self, name, value):
        setattr(self._own, name, value)

    @property
    def set_timesteps(self):
        def set_timesteps(num_inference_steps=None, device=None, timesteps=None, sigmas=None, mu=None, **options):
            given = {"timesteps": timesteps, "sigmas": sigmas, "mu": mu, **options}
            given = {name: value for name, value in given.items() if value is not None}
            if "timesteps" not in given and "sigmas" not in given:
                given["num_inference_steps"] = num_inference_steps
            if not type(self._own).__name__.startswith("FlowMatch"):
                given.pop("mu", None)
            self._own.set_timesteps(**given, device=device)
            if self._own.config.get("use_flow_sigmas"):
                # It rounds the clock, and not the noise level.
                self._own.sigmas[:-1] = self._own.timesteps / 1000

        return set_timesteps

    def step(self, output, timestep, sample, *arguments, **options):
        own, index = self._own, self.index
        if hasattr(own, "alphas_cumprod") and not own.config.get("use_flow_sigmas"):
            stepped = own.step(output, timestep, sample)
            clean = stepped.pred_original_sample
            kept = float(own.alphas_cumprod[int(timestep)])
            # A schedule may end without signal.
            level, scale = math.sqrt((1 - kept) / kept) if kept else math.inf, math.sqrt(kept)
        else:
            level = float(own.sigmas[index].double())
            last = copy.deepcopy(own)
            if hasattr(last, "convert_model_output"):
                last._step_index = index
                clean = last.convert_model_output(output, sample=sample)
            else:
                last.sigmas[index + 1] = 0.0
                clean = last.step(output, timestep, sample, return_dict=False)[0]
            if not own.config.get("sigma_data"):
                level, scale = level / (1 - level) if level < 1 else math.inf, 1 - level
            else:
                scale = 1.0
        self.records.append((level, scale, sample.double(), clean.double()))
        self.__dict__["index"] += 1
        return own.step(output, timestep, sample, *arguments, **options)


def own_steps(folder, pipeline, model, absent=(), **guidance):
    """Levels, samples z and clean samples of the pipeline's own sampler, as [1, C, 8, 8], in float64."""
    pipeline = getattr(diffusers, pipeline).from_pretrained(folder, **dict.fromkeys(absent))
    pipeline.set_progress_bar_config(disable=True)
    watched = Watched(pipeline.scheduler)
    pipeline.scheduler = watched
    pixels = model.call.pixels if hasattr(model, "call") else 2
    options = {
        "height": SIDE * pixels,
        "width": SIDE * pixels,
        "use_resolution_binning": False,
        "clean_caption": False,
        "original_size": (model.sample_size * pixels,) * 2,
        "target_size": (model.sample_size * pixels,) * 2,
        "num_inference_steps": STEPS,
        "output_type": "latent",
        **guidance,
    }
    if "default_sample_size" in vars(pipeline):
        pipeline.default_sample_size = SIDE
    known = inspect.signature(type(pipeline).__call__).parameters
    generator = torch.Generator().manual_seed(0)
    pipeline(prompt=PROMPT, generator=generator, **{key: value for key, value in options.items() if key in known})
    taken = [record for record in watched.records if record[0] < 1000]
    return [
        (level, square(sample / scale, model.channels), square(clean, model.channels))
        for level, scale, sample, clean in taken
    ]


def square(laid, channels):
    """From tokens of 2 x 2 patches, channels first, to a picture."""
    if laid.dim() == 3:
        half = SIDE // 2
        laid = laid.view(1, half, half, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return laid.reshape(1, -1, SIDE, SIDE)[:, :channels]


def compare(model, steps, condition):
    assert len(steps) >= 5
    table = model.sigmas
    model.sigmas = torch.tensor([level for level, _, _ in steps], dtype=torch.float64)
    for index, (level, z, clean) in enumerate(steps):
        found = model.denoise(z.float(), index, condition).double()
        assert torch.isfinite(found).all()
        error = (found - clean).abs().max() / max(1.0, float(clean.abs().max()))
        assert error < 1e-4, f"sigma {level}"
    model.sigmas = table
