"""Model folders and files from anyone: no code, no other file, no network, no more memory or time than models take."""

import http.server
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.outside_folder import require_component
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import family_of
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import Adapter, ModelSpec
from tests.engine.original_format import save_original_format
from tests.engine.tiny_pipeline import save_tiny_pipeline

REPOSITORY = Path(__file__).resolve().parents[2]
FOREIGN = "raise SystemExit('code of the model was run')\n"


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    """A copy of the tiny pipeline that a test may spoil."""
    return Path(shutil.copytree(tiny_pipeline("epsilon"), tmp_path / "model"))


def refusal(source, **options):
    start = time.process_time()
    with pytest.raises(SjcError) as error:
        load_score_model(ModelSpec(str(source), device="cpu", **options))
    assert time.process_time() - start < 10
    return error.value


def change(file, **values):
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.mark.parametrize(
    ("component", "named"),
    [
        ("unet", ["diffusers", "DiffusionPipeline"]),
        ("unet", ["diffusers", "StableDiffusionPipeline"]),
        ("unet", ["diffusers", "AutoModel"]),
        ("unet", ["antigravity", "UNet2DConditionModel"]),
        ("unet", ["diffusers.pipelines", "UNet2DConditionModel"]),
        ("unet", ["diffusers", "UNet2DConditionModel", "more"]),
        ("unet", ["diffusers", ["UNet2DConditionModel"]]),
        ("vae", ["diffusers", "AutoencoderTiny"]),
        ("text_encoder", ["transformers", "AutoModel"]),
        ("text_encoder", ["transformers", "BertModel"]),
        ("tokenizer", ["transformers", "AutoTokenizer"]),
        ("scheduler", ["diffusers", "FlowMatchEulerDiscreteScheduler"]),
        ("scheduler", ["transformers", "CLIPTokenizer"]),
    ],
)
def test_a_component_is_of_the_classes_of_its_family_and_no_other(folder, component, named):
    change(folder / "model_index.json", **{component: named})
    for name in ("None.py", "evil.py", f"{component}/evil.py"):
        (folder / name).write_text(FOREIGN)
    error = refusal(folder)
    assert error.code == "unsupported_pipeline"
    assert repr(component) in error.message


def test_a_flow_scheduler_on_stable_diffusion_is_told_with_what_to_do(folder):
    change(folder / "model_index.json", scheduler=["diffusers", "FlowMatchEulerDiscreteScheduler"])
    assert "Stable Diffusion 3" in refusal(folder).hint


def test_a_scheduler_of_edm_is_told_not_to_be_replaced(folder):
    change(folder / "model_index.json", scheduler=["diffusers", "EDMDPMSolverMultistepScheduler"])
    hint = refusal(folder).hint
    assert "EDM" in hint
    assert "DDIMScheduler" not in hint


def test_a_configuration_that_names_code_loads_without_it(folder):
    (folder / "tokenizer" / "evil.py").write_text(FOREIGN)
    change(folder / "tokenizer" / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]})
    change(folder / "text_encoder" / "config.json", auto_map={"AutoModel": "evil.Evil"})
    change(folder / "model_index.json", evil=["evil", "Evil"], safety_checker=["evil", "Evil"])
    assert load_score_model(ModelSpec(str(folder), device="cpu")).channels == 4


OUTSIDE = {
    "vocab": "/etc/passwd",
    "merges": "/etc/passwd",
    "vocab_file": "../../../etc/passwd",
    "merges_file": "/dev/zero",
    "tokenizer_file": "/etc/passwd",
    "fast_tokenizer_files": ["../../tokenizer.4.0.json"],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_tokenizer_reads_no_words_from_elsewhere(folder, name):
    for file in (folder / "tokenizer").iterdir():
        if file.name != "tokenizer_config.json":
            file.unlink()
    change(folder / "tokenizer" / "tokenizer_config.json", **{name: OUTSIDE[name]})
    error = refusal(folder)
    assert error.code == "unsafe_model"
    assert "tokenizer_config.json" in error.message


def test_paths_of_the_computer_that_saved_a_tokenizer_do_no_harm(folder):
    paths = {"special_tokens_map_file": "/root/a.json", "tokenizer_file": "/root/b.json", "vocab_file": "/root/c.json"}
    change(folder / "tokenizer" / "tokenizer_config.json", **paths, merges_file=None)
    assert load_score_model(ModelSpec(str(folder), device="cpu")).channels == 4


@pytest.mark.parametrize("content", ["[]", '["a"]', "7", "{"])
def test_a_configuration_that_is_none_is_named(folder, content):
    (folder / "tokenizer" / "tokenizer_config.json").write_text(content)
    error = refusal(folder)
    assert error.code == "broken_model"
    assert "tokenizer_config.json" in error.message


class Pickled:
    def __reduce__(self):
        return os.abort, ()


def test_no_other_model_is_loaded_along(folder):
    names = {"base_model_name_or_path": "someone/else", "peft_type": "LORA", "target_modules": ["q_proj"]}
    (folder / "text_encoder" / "adapter_config.json").write_text(json.dumps(names))
    (folder / "text_encoder" / "adapter_model.bin").write_bytes(pickle.dumps(Pickled()))
    error = refusal(folder)
    assert error.code == "unsafe_model"
    assert "adapter_config.json" in error.message


@pytest.fixture
def hub():
    """A hub that only counts who asks."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("authorization")))
            self.send_response(404)
            self.end_headers()

        do_HEAD = do_POST = do_GET  # noqa: N815  # the names are http.server's

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


ASKS = """
import sys
if "late" in sys.argv:
    import huggingface_hub, transformers, diffusers
if "as usual" not in sys.argv:
    from sjc_blender.engine.this_process.offline import stay_offline
    stay_offline()
from transformers import CLIPTextModel
from diffusers import UNet2DConditionModel
from huggingface_hub import hf_hub_download
for ask in (
    lambda: CLIPTextModel.from_pretrained(sys.argv[1]),
    lambda: UNet2DConditionModel.from_pretrained("someone/else"),
    lambda: hf_hub_download("someone/else", "config.json"),
):
    try:
        ask()
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize("when", ["early", "late", "as usual"])
def test_the_libraries_do_not_ask_the_hub_whatever_the_files_say(folder, hub, tmp_path, when):
    url, asked = hub
    encoder = folder / "text_encoder"
    (encoder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "someone/else"}))
    environ = {name: value for name, value in os.environ.items() if "OFFLINE" not in name}
    environ |= {"HF_ENDPOINT": url, "HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path / "home")}
    environ |= {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", ASKS, str(encoder), when]
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=120)
    assert bool(asked) == (when == "as usual")  # the control: without it they do


def test_jobs_are_offline_and_without_the_login(monkeypatch):
    environ = {name: value for name, value in os.environ.items() if "OFFLINE" not in name}
    command = "import os, sys, runpy; sys.argv = ['engine', 'presets']\ntry: runpy.run_module('sjc_blender.engine', "
    command += "run_name='__main__')\nexcept SystemExit: pass\nfrom huggingface_hub import constants, get_token\n"
    command += "print(constants.HF_HUB_OFFLINE, get_token())"
    environ |= {"HF_TOKEN": "hf_secret", "PYTHONPATH": str(REPOSITORY), "HF_HOME": "/nowhere"}
    said = subprocess.run([sys.executable, "-c", command], env=environ, check=True, capture_output=True, text=True)
    assert said.stdout.splitlines()[-1] == "True None"


@pytest.mark.parametrize(
    "name", ["tokenizer/tokenizer.json", "unet/config.json", "vae/diffusion_pytorch_model.safetensors"]
)
def test_links_out_of_the_folder_are_refused_by_name(folder, tmp_path, name):
    outside = tmp_path / "outside"
    shutil.move(folder / name, outside)
    (folder / name).symlink_to(outside)
    error = refusal(folder)
    assert error.code == "unsafe_model"
    assert name.split("/")[1] in error.message


def test_a_component_that_is_a_link_is_refused_by_name(folder, tmp_path):
    shutil.move(folder / "unet", tmp_path / "elsewhere")
    (folder / "unet").symlink_to(tmp_path / "elsewhere")
    assert refusal(folder).code == "unsafe_model"


def test_links_of_the_hubs_cache_and_within_the_folder_are_followed(folder, tmp_path):
    snapshot = tmp_path / "hub" / "models--a--b" / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir(parents=True)
    shutil.move(folder, snapshot)
    blobs = snapshot.parents[1] / "blobs"
    blobs.mkdir()
    for number, file in enumerate(path for path in snapshot.rglob("*") if path.is_file()):
        shutil.move(file, blobs / str(number))
        file.symlink_to(os.path.relpath(blobs / str(number), file.parent))
    (snapshot / "unet" / "again.json").symlink_to("config.json")
    assert load_score_model(ModelSpec(str(snapshot), device="cpu")).channels == 4


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders there")
@pytest.mark.parametrize("name", ["model_index.json", "unet/config.json", "tokenizer/vocab.json", "vae/other.json",
                                  "text_encoder/model.safetensors", "sjc.json"])  # fmt: skip
def test_a_pipe_in_a_files_place_is_not_waited_for(folder, name):
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    if name != "sjc.json":
        assert refusal(folder).code in {"unsafe_model", "not_a_pipeline", "missing_component", "broken_model"}
    try:
        load_profile(str(folder))
    except SjcError as error:
        assert error.code == "bad_model_profile"


def huge_header(file, size):
    """A header of `size` bytes; the file itself takes no room."""
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", size) + b'{"a":' + b"[" * 1000)
        stream.truncate(size + 8)


def test_a_header_beyond_measure_is_refused_at_once(folder, tmp_path):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    huge_header(file, 90_000_000)
    assert refusal(folder).code == "broken_model"
    single = tmp_path / "single.safetensors"
    huge_header(single, 90_000_000)
    start = time.process_time()
    assert family_of(single) is None
    assert refusal(single).code in {"broken_model", "unsupported_pipeline", "unsupported_file"}
    assert refusal(folder.parent / "model", adapters=(Adapter(str(single)),)).code in {"broken_model"}
    assert time.process_time() - start < 2


def test_a_large_file_is_recognised_at_once(tmp_path):
    names = {
        f"model.diffusion_model.{n:060d}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(70_000)
    }
    header = json.dumps(names | {"cond_stage_model.x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}).encode()
    file = tmp_path / "large.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    assert len(header) > 9_000_000
    start = time.process_time()
    assert family_of(file).name == "stable_diffusion"
    assert time.process_time() - start < 0.2


CONFIGURATIONS = [
    ("text_encoder", {"num_hidden_layers": 10**5}),
    ("unet", {"layers_per_block": 10**5}),
    ("unet", {"layers_per_block": [10**5, 1]}),
    ("unet", {"block_out_channels": [8] * 10**5, "down_block_types": ["DownBlock2D"] * 10**5}),
    ("unet", {"conditioning_embedding_out_channels": [8] * 10**4}),
    ("unet", {"transformer_layers_per_block": [[10**5, 1], 1]}),
    ("unet", {"sample_size": 10**6}),
    ("unet", {"cross_attention_dim": 10**9}),
    ("unet", {"norm_eps": float("inf")}),
    ("unet", {"in_channels": 10**400}),
    ("text_encoder", {"vocab_size": 10**12}),
    ("text_encoder", {"_attn_implementation": "someone/kernel"}),
    ("text_encoder", {"attn_implementation": "someone/kernel"}),
    ("vae", {"latent_channels": 10**9}),
    ("unet", {"patch_size": 1, "pos_embed_max_size": 1000, "num_attention_heads": 1000, "attention_head_dim": 1000}),
]


@pytest.mark.parametrize(("component", "values"), CONFIGURATIONS)
def test_a_configuration_beyond_measure_is_refused_before_it_takes_memory(folder, component, values):
    change(folder / component / "config.json", **values)
    error = refusal(folder)
    assert error.code in {"broken_model", "unsafe_model"}
    assert "config.json" in error.message


@pytest.mark.parametrize(
    ("config", "allowed"),
    [
        ({"_class_name": "AuraFlowTransformer2DModel", "pos_embed_max_size": 9216, "num_attention_heads": 12}, True),
        ({"_class_name": "AuraFlowTransformer2DModel", "pos_embed_max_size": 10**6}, False),
        ({"_class_name": "SD3Transformer2DModel", "pos_embed_max_size": 9216}, False),
        ({"rope_theta": 5_000_000.0, "text_config": {"rope_theta": 5_000_000.0}}, True),
        ({"rope_theta": 10**12}, False),
        ({"text_config": {"vocab_size": 10**9}}, False),
    ],
)
def test_positions_are_measured_by_what_they_are(tmp_path, config, allowed):
    (tmp_path / "config.json").write_text(json.dumps(config))
    if allowed:
        require_component(tmp_path, tmp_path)
        return
    with pytest.raises(SjcError, match="allowed is up to"):
        require_component(tmp_path, tmp_path)


def test_a_noise_table_beyond_measure_is_refused(folder):
    change(folder / "scheduler" / "scheduler_config.json", num_train_timesteps=10**11)
    assert refusal(folder).code == "broken_model"


@pytest.mark.parametrize(
    "name", ["model_index.json", "unet/config.json", "sjc.json", "scheduler/scheduler_config.json"]
)
@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 100_000, '{"_class_name": {"a": 1}}', "\xff\xfe", " " * 5_000_000, "7"]
)
def test_json_that_is_none_gives_one_error(folder, name, text):
    (folder / name).write_bytes(text.encode("latin-1"))
    for read in (lambda: load_score_model(ModelSpec(str(folder), device="cpu")), lambda: load_profile(str(folder))):
        try:
            read()
        except SjcError:
            continue


def test_shards_lie_beside_their_index(folder):
    shutil.move(folder / "unet" / "diffusion_pytorch_model.safetensors", folder / "x.safetensors")
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"a": "../x.safetensors"}}))
    assert refusal(folder).code == "unsafe_model"


def test_a_single_files_configuration_is_judged_as_a_folder_is(folder, tmp_path):
    file = tmp_path / "single.safetensors"
    shutil.rmtree(folder)
    save_tiny_pipeline(folder, text_in_time=False)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, feature_extractor=None)
    save_original_format(pipeline, file)
    shutil.move(folder, tmp_path / "single")
    assert load_score_model(ModelSpec(str(file), device="cpu")).channels == 4
    change(tmp_path / "single" / "model_index.json", tokenizer=["transformers", "AutoTokenizer"])
    assert refusal(file).code == "unsupported_pipeline"
