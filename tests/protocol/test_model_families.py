"""Recognising a model without loading it, and what a job has to say to it."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.hub_cache import cached_snapshot, hub_cache
from sjc_blender.protocol.model_families import FAMILIES, family_of, local_model, needs_prompt
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import Adapter, ModelSpec, PictureSpec

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_pipeline(folder, pipeline, unet=None):
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    if unet is not None:
        (folder / "unet").mkdir()
        (folder / "unet" / "config.json").write_text(json.dumps(unet))
    return folder


def write_tensors(file, *names):
    header = json.dumps({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    return file


@pytest.mark.parametrize(
    ("pipeline", "family"), [(pipeline, family.name) for family in FAMILIES for pipeline in family.pipelines]
)
def test_a_folder_is_recognised_by_its_index_and_used_by_its_familys_profile(tmp_path, pipeline, family):
    folder = write_pipeline(tmp_path / "model", pipeline)
    assert family_of(folder).name == load_profile(str(folder)).family == family


def test_classes_are_seen_in_the_networks_configuration(tmp_path):
    assert family_of(write_pipeline(tmp_path / "a", "DDPMPipeline", {"num_class_embeds": 11})).name == "ddpm_classes"
    assert family_of(write_pipeline(tmp_path / "b", "DDPMPipeline", {"num_class_embeds": None})).name == "ddpm"


@pytest.mark.parametrize("text", ["{", "[]", '{"_class_name": ["list"]}', '{"_class_name": "FluxFillPipeline"}'])
def test_other_folders_are_of_no_family(tmp_path, text):
    (tmp_path / "model_index.json").write_text(text)
    assert family_of(tmp_path) is None


def test_a_checkpoint_is_recognised_by_its_text_encoders(tmp_path):
    first = write_tensors(tmp_path / "sd.safetensors", "cond_stage_model.transformer.a")
    xl = write_tensors(tmp_path / "xl.safetensors", "conditioner.embedders.0.a", "conditioner.embedders.1.model.a")
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"\xff" * 16)
    assert (family_of(first).name, family_of(xl).name) == ("stable_diffusion", "stable_diffusion_xl")
    assert family_of(other) is None


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_the_cache_is_found_by_the_variables_of_huggingface_hub(tmp_path, monkeypatch, variable):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    below = {"HF_HUB_CACHE": "", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}[variable]
    repository = tmp_path / below / "models--someone--church"
    snapshot = write_pipeline(repository / "snapshots" / COMMIT, "DDPMPipeline")
    assert cached_snapshot("someone/church") is None
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    assert cached_snapshot("someone/church") == local_model("someone/church") == snapshot
    assert not needs_prompt("someone/church")
    assert presets.new_job("", model="someone/church").prompt == ""


HUB_VARIABLES = ("SJC_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HF_HOME": "/data/hf"},
        {"HF_HOME": "/data/hf/"},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "$HOME/hf"},
        {"HF_HOME": "hf"},
        {"HF_HOME": "~nobody-of-that-name/hf"},
        {"HF_HUB_CACHE": "/data/hub/"},
        {"HF_HUB_CACHE": "~/hub", "HF_HOME": "/other"},
        {"HUGGINGFACE_HUB_CACHE": "/data/old"},
        {"HUGGINGFACE_HUB_CACHE": "~/old", "HF_HOME": "/other"},
        {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/new"},
        {"XDG_CACHE_HOME": "/data/cache"},
        {"XDG_CACHE_HOME": "~/cache"},
        {"XDG_CACHE_HOME": "$HOME/cache/", "TRANSFORMERS_CACHE": "/ignored"},
    ],
)
def test_the_cache_is_where_huggingface_hub_itself_has_it(monkeypatch, variables):
    for name in HUB_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    asked = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    assert hub_cache() == Path(theirs)


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    for name in HUB_VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HOME", "/home/jo")
    assert hub_cache() == Path("/home/jo/.cache/huggingface/hub")


@pytest.mark.parametrize("commit", ["../../../elsewhere", "/elsewhere", "main", "0" * 39, "0" * 200, ""])
def test_a_commit_that_is_none_leads_nowhere(tmp_path, monkeypatch, commit):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    write_pipeline(tmp_path / "elsewhere", "DDPMPipeline")
    repository = tmp_path / "hub" / "models--someone--church"
    for folder in ("refs", "snapshots"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    assert cached_snapshot("someone/church") is None


def test_a_prompt_is_asked_of_models_that_take_one(tmp_path):
    assert needs_prompt("builtin")
    assert needs_prompt("nothing/known")
    with pytest.raises(InvalidSpec, match="prompt"):
        presets.new_job(" ", model=str(write_pipeline(tmp_path / "sd", "StableDiffusionPipeline")))


@pytest.mark.parametrize("pipeline", ["DDPMPipeline", "Zero123Pipeline", "ScoreSdeVePipeline"])
def test_texts_that_a_model_does_not_read_are_refused(tmp_path, pipeline):
    model = str(write_pipeline(tmp_path / "model", pipeline))
    more = {"picture": PictureSpec("0")} if pipeline == "Zero123Pipeline" else {}
    assert presets.new_job("", model=model, negative_prompt=" ", **more).negative_prompt == " "
    with pytest.raises(InvalidSpec, match="empty with a model that reads no prompts"):
        presets.new_job("", model=model, negative_prompt="blurry", **more)
    lora = {"source": model, "adapters": [{"path": "/loras/clay.safetensors", "weight": 1.0}]}
    with pytest.raises(InvalidSpec, match=r"clay\.safetensors.*no LoRAs and embeddings"):
        presets.new_job("", model=lora, **more)


def test_texts_are_left_to_models_that_read_them_or_are_not_known(tmp_path):
    lora = [{"path": "/loras/clay.safetensors", "weight": 1.0}]
    for source in (str(write_pipeline(tmp_path / "flux", "FluxPipeline")), "not/here"):
        spec = presets.new_job("a cat", model={"source": source, "adapters": lora}, negative_prompt="blurry")
        assert spec.negative_prompt == "blurry" and len(spec.model.adapters) == 1


def test_a_job_without_a_prompt_is_called_by_its_model(tmp_path):
    church = write_pipeline(tmp_path / "ddpm-church-256.v2", "DDPMPipeline")
    assert presets.new_job("", model=str(church)).subject == "ddpm-church-256.v2"
    assert presets.new_job("a chair", model="some/model").subject == "a chair"


def test_a_profile_of_an_unknown_family_is_told(tmp_path):
    profile = {"name": "mine", "family": "imagen", "image_size": 64}
    (tmp_path / "sjc.json").write_text(json.dumps(profile))
    with pytest.raises(SjcError, match="family is 'imagen'; allowed: one of stable_diffusion"):
        load_profile(str(tmp_path))


def test_adapters_are_part_of_a_job_and_judged(tmp_path):
    model = {"source": "some/model", "adapters": [{"path": "a.safetensors", "weight": 0.5}], "offload": "model"}
    expected = ModelSpec("some/model", adapters=(Adapter("a.safetensors", 0.5),), offload="model")
    assert presets.new_job("a chair", model=model).model == expected
    wrong = {**model, "adapters": [{"path": " "}, {"path": "b", "weight": 100}], "offload": "sideways"}
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a chair", model=wrong)
    assert "model.offload" in str(error.value)
    wrong["offload"] = "none"
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a chair", model=wrong)
    assert {fault.field for fault in error.value.faults} == {"model.adapters[0].path", "model.adapters[1].weight"}
