"""What a job is said to need is what it takes: weights and activations, the field with its optimiser, files."""

import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sjc_blender.engine import job
from sjc_blender.engine.cameras.viewpoints import orbit_camera, viewpoint_of
from sjc_blender.engine.forecast import needs
from sjc_blender.engine.forecast.needs import needs_of
from sjc_blender.engine.forecast.weights import networks_of
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.memory import memory_levels
from sjc_blender.protocol.model_families import family_of
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.ball_views import write_ball_views
from tests.engine.original_format import save_original_format
from tests.engine.tiny_families import FAMILIES, save_family
from tests.engine.tiny_pipeline import save_tiny_pipeline

ROOT = Path(__file__).resolve().parents[2]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def in_memory(pipeline, name):
    tensors = {tensor.data_ptr(): tensor for tensor in getattr(pipeline, name).state_dict().values()}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_weights_of_every_family_are_known_from_their_headers(name, dtype, tmp_path):
    folder = save_family(name, tmp_path / "model")
    told = networks_of(folder, family_of(folder), getattr(torch, dtype))
    pipeline = load_score_model(ModelSpec(str(folder), device="cpu", dtype=dtype))._pipeline
    for network, found in told.items():
        assert found.weights == pytest.approx(in_memory(pipeline, network), rel=0.05), network
        assert 0 < found.largest <= found.weights
    assert told


def test_the_weights_of_a_single_file_are_those_of_its_folder(tmp_path):
    folder = save_tiny_pipeline(tmp_path / "tiny", "v_prediction", text_in_time=False)
    file = folder.with_suffix(".safetensors")
    save_original_format(StableDiffusionPipeline.from_pretrained(folder, safety_checker=None), file)
    parts = [networks_of(path, family_of(path), torch.float16) for path in (folder, file)]
    assert parts[0].keys() == parts[1].keys() == {"unet", "vae", "text_encoder"}
    for name, network in parts[0].items():
        assert parts[1][name].weights == pytest.approx(network.weights, rel=0.02)
        assert parts[1][name].config == network.config


def test_half_precision_that_lies_beside_full_is_not_counted(tmp_path):
    folder = save_family("stable_diffusion_xl", tmp_path / "model")
    before = networks_of(folder, family_of(folder), torch.float16)
    for file in folder.glob("*/*.safetensors"):
        (file.parent / f"{file.stem}.fp16.safetensors").write_bytes(file.read_bytes())
    assert networks_of(folder, family_of(folder), torch.float16) == before


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that live at once; on the device meta they have sizes and no storage."""

    def __init__(self, network):
        super().__init__()
        self.live = self.peak = 0
        self.known = {p.untyped_storage()._cdata: 0 for p in network.parameters()}

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        for tensor in tree_leaves(result):
            storage = tensor.untyped_storage() if isinstance(tensor, torch.Tensor) else None
            if storage is not None and storage._cdata not in self.known:
                self.known[storage._cdata] = storage.nbytes()
                self.live += storage.nbytes()
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._freed, storage._cdata)
        return result

    def _freed(self, identity):
        self.live -= self.known.pop(identity, 0)


@torch.no_grad()
def activations(network, call, monkeypatch):
    # As the kernels of CUDA and the CPU do it, without the matrix of every token with every other.
    monkeypatch.setattr(functional, "scaled_dot_product_attention", lambda query, *_, **__: torch.empty_like(query))
    with LiveBytes(network) as live:
        call(network)
    return live.peak


def test_networks_take_no_more_than_the_share_of_their_weights_that_is_said(monkeypatch):
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, **kinds)
        z, texts = torch.empty(1, 4, 64, 64), torch.empty(1, 77, 768)
        sample = activations(unet, lambda network: network(z, 5, texts, return_dict=False), monkeypatch)
        picture = activations(vae, lambda network: network.decode(z), monkeypatch)
    unet_bytes, vae_bytes = (sum(p.numel() * 4 for p in network.parameters()) for network in (unet, vae))
    assert 0.5 * needs.NETWORK_SHARE * unet_bytes < sample < needs.NETWORK_SHARE * unet_bytes
    assert picture == pytest.approx(needs.DECODER_SHARE * vae_bytes, rel=0.05)
    assert needs.DECODER_PIXELS == 512**2, "its 64 x 64 latents have so many"


GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""For glibc's malloc: a tensor's memory is given back when it goes. By itself malloc learns from what is freed how much
to keep: with the kernels the peak of equal steps differed by half from run to run. What PyTorch's operations leave
with malloc is in the factors that the forecast has for them, so that there it is left alone."""

PEAK = """
import json, resource, sys
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.protocol import presets
from sjc_blender.protocol.model_profile import load_profile
import torch
def peak():
    if sys.platform == "linux":  # getrusage counts the process that started this one, too
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
spec = presets.new_job("a red chair", preset="draft", **json.loads(sys.argv[1]))
model = load_score_model(spec.model)
conditioner = conditioner_for(spec, load_profile("builtin"), model)
# The libraries of the network and of gradients, which come with the first step of any job.
warm = ScoreJacobianChaining(presets.new_job("a red chair", field={"resolution": 8}), model, conditioner)
warm.advance()
del warm
base = peak()
sjc = ScoreJacobianChaining(spec, model, conditioner)
for _ in range(4):
    sjc.advance()
print(json.dumps([peak() - base, base]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
@pytest.mark.parametrize(
    "settings",
    [
        {"field": {"resolution": 128}},
        {"field": {"resolution": 160}},
        {"field": {"resolution": 40}, "optimisation": {"render_size": 96}},
        {"field": {"resolution": 64}, "optimisation": {"render_size": 64, "views": 2}},
        {"field": {"resolution": 100, "renderer": "torch"}},
        {"field": {"resolution": 40, "renderer": "torch"}, "optimisation": {"render_size": 96}},
    ],
    ids=["field", "larger field", "render", "views", "field without kernels", "render without kernels"],
)
def test_steps_take_the_memory_that_is_said(settings):
    # Its whole grid from the first step on.
    settings = {**settings, "field": {**settings["field"], "stages": []}}
    command = [sys.executable, "-c", PEAK, json.dumps(settings)]
    own = os.environ if settings["field"].get("renderer") == "torch" else os.environ | GIVEN_BACK
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=300, env=own)
    spec = presets.new_job("a red chair", preset="draft", **settings)
    assert needs_of(spec, CPU).working(memory_levels()[0]) == pytest.approx(json.loads(done.stdout)[0], rel=0.25)


def test_files_take_the_disk_that_is_said(tmp_path):
    spec = presets.new_job("a red chair", preset="draft", optimisation={"steps": 140})
    folder, told = JobFolder.create(tmp_path / "job", spec), []
    assert job.run_job(folder, told.append, lambda: False)
    needed = needs_of(spec, CPU)
    checkpoint = folder.checkpoint.stat().st_size
    assert needed.checkpoint == pytest.approx(checkpoint, rel=0.01)
    taken = sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file())
    # Beside what is left there is, for a moment, an older checkpoint, and until the end the live field.
    assert needed.disk - needed.checkpoint == pytest.approx(taken + 640_000, rel=0.1)
    first, last = [event for event in told if isinstance(event, events.Forecast)]
    assert first.seconds == 0 < last.seconds
    assert first.disk_bytes == last.disk_bytes == needed.disk


def test_each_level_takes_less_graphics_memory_than_the_one_before(tiny_pipeline):
    large = {"resolution": 12}
    spec = presets.new_job("a red chair", model=str(tiny_pipeline("epsilon")), field=large)
    needed = needs_of(spec, CUDA)
    taken = [needed.graphics(level) for level in memory_levels()]
    assert taken == sorted(taken, reverse=True) and len(set(taken)) > 2
    assert needed.weights == sum(network.weights for network in needed.networks.values())
    assert taken[0] - taken[-1] >= needed.weights / 2
    told = [needed.memory(level, on_card=True) for level in memory_levels()]
    assert len(set(told)) == 1, "main memory holds the networks in any case while they load"


def test_reference_views_need_no_network(tmp_path):
    spec = presets.new_job("", model=str(write_ball_views(tmp_path)), field={"resolution": 20})
    needed = needs_of(spec, CUDA)
    assert needed.weights == 0
    assert 0 < needed.graphics(memory_levels()[0]) - needs.GRAPHICS_ALLOWANCE < 200_000_000


def test_as_many_samples_are_told_as_the_network_sees_in_a_step_at_the_most():
    model, profile = load_score_model(ModelSpec()), load_profile("builtin")
    for guidance in (
        {"guidance_scale": 7.5},
        {"guidance_scale": 7.5, "perp_neg_weight": 1.0},
        {"views": 2, "noises": 3},
    ):
        spec = presets.new_job("a red duck", optimisation=guidance)
        conditioner = conditioner_for(spec, profile, model)
        seen = [
            conditioner.at(viewpoint_of(orbit_camera(azimuth, 20.0, 2.0, 55.0, "view"))).evaluations
            for azimuth in (0.0, 100.0, 170.0)
        ]
        assert needs_of(spec, CPU).samples == max(seen) * spec.optimisation.views * spec.optimisation.noises
