"""A network in a GGUF file: its numbers are those that the format's own library reads, and its header is judged."""

import struct

import accelerate
import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sjc_blender.engine.forecast.weights import networks_of
from sjc_blender.engine.score_models import gguf_file
from sjc_blender.engine.score_models.gguf_file import KINDS, PLAIN, gguf_tensors
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.quantised_layers import is_quantised, numbers
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import family_of
from sjc_blender.protocol.spec import Adapter, ModelSpec
from tests.engine.own_sampler import SIDE
from tests.engine.tiny_gguf import KIND, save_gguf, split_model

pytestmark = pytest.mark.usefixtures("small_samples")


def load(source, **options):
    return load_score_model(ModelSpec(str(source), device="cpu", **options))


def answer(model):
    z = torch.randn(1, model.channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return model.denoise(z, 500, Condition(model.encode(["a red chair"])))


@pytest.mark.parametrize(
    ("family", "kind", "prefix"),
    [
        ("flux", KIND.Q4_0, ""),
        ("flux", KIND.Q8_0, "model.diffusion_model."),
        ("z_image", KIND.Q8_0, ""),  # two of its tensors are of no linear layer
        ("qwen_image", KIND.BF16, ""),
    ],
)
def test_it_denoises_as_the_folder_of_its_numbers_does(whole, tmp_path, family, kind, prefix):
    file, plain = split_model(whole(family), tmp_path, kind, prefix=prefix)
    assert family_of(file) == family_of(plain)
    usual, model = load(plain), load(file)
    expected, found = answer(usual), answer(model)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (answer(load(whole(family))) - expected).abs().max() > 2e-4 * expected.abs().max()  # quantised it is
    assert model.parameter_count == usual.parameter_count
    assert is_quantised(model._network) == (kind != KIND.BF16)


def test_each_layer_may_wait_in_main_memory(whole, tmp_path):
    file, _plain = split_model(whole("flux"), tmp_path, KIND.Q8_0)
    model = load(file)
    expected = answer(model)
    accelerate.cpu_offload(model._network, torch.device("cpu"))
    assert all(parameter.is_meta for parameter in model._network.parameters())
    torch.testing.assert_close(answer(model), expected)


def test_the_forecast_counts_weights_as_they_stay(whole, tmp_path):
    file, plain = split_model(whole("flux"), tmp_path, KIND.Q8_0)
    usual, found = (networks_of(path, family_of(path), torch.float32)["transformer"] for path in (plain, file))
    stored = gguf_tensors(file).values()
    assert found.largest == usual.largest
    assert found.weights == 3 * found.largest + sum(one.size for one in stored)
    # What it takes while it runs is that of the network with its weights in full.
    assert found.weights + found.spared == pytest.approx(usual.weights + 3 * found.largest)
    assert 0.2 * usual.weights < sum(one.size for one in stored) < 0.5 * usual.weights


@pytest.mark.parametrize("number", [number for number, kind in KINDS.items() if kind.name not in PLAIN])
def test_numbers_of_each_kind_are_those_of_the_formats_library(number):
    kind, known = KIND(number), KINDS[number]
    assert (kind.name, *gguf.GGML_QUANT_SIZES[kind]) == (known.name, known.numbers, known.bytes)
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (64, known.bytes), np.uint8)
    # Scales are float16, at one end of a block or the other; random bytes would be infinite ones, too.
    for place in (0, 2, known.bytes - 4, known.bytes - 2):
        blocks[:, place : place + 2] = random.uniform(0.01, 0.1, (64, 1)).astype(np.float16).view(np.uint8)
    expected = torch.from_numpy(np.array(gguf.quants.dequantize(blocks, kind), np.float32))
    for dtype, allowed in ((torch.float32, 1e-6), (torch.bfloat16, 1e-2)):
        found = numbers(torch.from_numpy(blocks), kind, dtype)
        assert found.dtype == dtype
        assert (found.float() - expected).abs().max() < allowed * expected.abs().max()


def refused(source, code, words, **options):
    with pytest.raises(SjcError) as caught:
        load(source, **options)
    assert caught.value.code == code and words in caught.value.message + caught.value.hint


def test_a_lora_on_quantised_weights_is_refused(whole, tmp_path):
    file, _plain = split_model(whole("flux"), tmp_path, KIND.Q8_0)
    layer = "transformer.transformer_blocks.0.attn.to_q.lora_"
    save_file(
        {f"{layer}A.weight": torch.ones(2, 32), f"{layer}B.weight": torch.ones(32, 2)}, tmp_path / "a.safetensors"
    )
    adapters = (Adapter(str(tmp_path / "a.safetensors"), 1.0),)
    refused(file, "unsupported_adapter", "quantised", adapters=adapters)


def test_a_file_without_the_rest_of_its_model_is_named(whole, tmp_path):
    names = {"double_blocks.0.img_attn.qkv.weight": torch.zeros(2, 32)}
    refused(save_gguf(tmp_path / "flux.gguf", names, KIND.Q8_0), "unsupported_file", "kind FLUX")
    names = {"input_blocks.0.0.weight": torch.zeros(2, 32)}
    refused(save_gguf(tmp_path / "unet.gguf", names, KIND.Q8_0), "unsupported_file", "not known")


TENSOR = ("a", (32, 2), 8, 0)


def header(*tensors, count=None, settings=(), version=3, magic=b"GGUF"):
    """A file whose header tells of tensors: (name, dimensions as the format counts them, kind, offset)."""

    def text(value):
        content = value if isinstance(value, bytes) else value.encode()
        return struct.pack("<Q", len(content)) + content

    told = b"".join(
        text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        for name, shape, kind, offset in tensors
    )
    told = b"".join(text(name) + content for name, content in settings) + told
    content = magic + struct.pack("<IQQ", version, len(tensors) if count is None else count, len(settings)) + told
    return content + bytes(-len(content) % 32)


FAULTS = {
    "another format": (header(TENSOR, magic=b"GGML"), "does not begin"),
    "an old version": (header(TENSOR, version=1), "version 1"),
    "more tensors than memory has": (header(TENSOR, count=2**63), "allowed are"),
    "more tensors than there are": (header(TENSOR, count=9), "0 dimensions"),
    "a tensor beyond the end": (header(("a", (32, 2**40), 8, 0)), "cut off"),
    "two tensors in one place": (header(TENSOR, ("b", (32, 2), 8, 0)), "on each other"),
    "a place between blocks": (header(("a", (32, 2), 8, 7)), "on each other"),
    "two tensors of one name": (header(TENSOR, ("a", (32, 2), 8, 96)), "two tensors"),
    "half a block": (header(("a", (33, 2), 8, 0)), "multiple"),
    "numbers that are not known": (header(("a", (32, 2), 16, 0)), "kind 16"),
    "nothing in it": (header(("a", (0, 2), 8, 0)), "without numbers"),
    "too many dimensions": (header(("a", (1,) * 9, 0, 0)), "9 dimensions"),
    "a name that is no text": (header((b"\xff\xfe", (32, 2), 8, 0)), "UTF-8"),
    "a name without an end": (header(("a" * 5000, (32, 2), 8, 0)), "5000 bytes"),
    "a list of lists": (header(TENSOR, settings=[("a", struct.pack("<IIQ", 9, 9, 2**60))]), "unknown type"),
    "a list without an end": (header(TENSOR, settings=[("a", struct.pack("<IIQ", 9, 5, 2**60))]), "ends within"),
    "texts without an end": (header(TENSOR, settings=[("a", struct.pack("<IIQ", 9, 8, 2**60))]), "texts"),
    "no alignment": (header(TENSOR, settings=[("general.alignment", struct.pack("<II", 4, 0))]), "alignment 0"),
    "a vast alignment": (header(TENSOR, settings=[("general.alignment", struct.pack("<II", 4, 2**31))]), "alignment"),
    "no tensors": (header(), "holds no tensors"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_header_beyond_measure_is_refused_before_anything_is_read(tmp_path, fault):
    content, words = FAULTS[fault]
    file = tmp_path / "a.gguf"
    file.write_bytes(content + bytes(200))
    with pytest.raises(SjcError) as caught:
        gguf_tensors(file)
    assert caught.value.code in ("broken_model", "unsupported_file") and words in caught.value.message
    assert str(file) in caught.value.message


def test_a_file_that_is_cut_while_it_is_read_is_named(tmp_path, monkeypatch):
    file = tmp_path / "a.gguf"
    file.write_bytes(header(TENSOR) + bytes(200))
    told = gguf_tensors(file)
    assert gguf_file.gguf_state(file).keys() == told.keys()
    file.write_bytes(file.read_bytes()[:-190])
    monkeypatch.setattr(gguf_file, "gguf_tensors", lambda _file: told)
    with pytest.raises(SjcError, match="changed while it was read") as caught:
        gguf_file.gguf_state(file)
    assert caught.value.code == "broken_model" and str(file) in caught.value.message


def test_a_tensor_that_is_to_be_reshaped_is_refused(tmp_path):
    file = tmp_path / "a.gguf"
    told = struct.pack("<IIQ2i", 9, 5, 2, 1, 64)
    file.write_bytes(header(TENSOR, settings=[("comfy.gguf.orig_shape.a", told)]) + bytes(200))
    refused(file, "unsupported_file", "another shape")


def test_settings_of_every_type_are_passed_over(tmp_path):
    file = tmp_path / "a.gguf"
    writer = gguf.GGUFWriter(str(file), "test")
    writer.add_custom_alignment(64)
    writer.add_array("texts", ["a", "b"])
    writer.add_array("numbers", [1.5, 2.5])
    writer.add_bool("bool", True)
    writer.add_float64("float", 1.5)
    writer.add_uint8("byte", 1)
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    writer.add_tensor("b", numbers)
    writer.add_tensor("a", numbers + 1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name, told in gguf_tensors(file).items():
        found = np.frombuffer(file.read_bytes(), np.float32, 6, told.start).reshape(told.shape)
        assert np.array_equal(found, numbers + (name == "a"))
