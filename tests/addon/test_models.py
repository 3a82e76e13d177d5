"""Models in Blender: the real engine downloads from a hub on this machine; the panel shows each state of it."""

import dataclasses
import json
import os
import time
import typing
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.commands import command_line
from sjc_blender.addon.environment import session
from sjc_blender.addon.environment.engine_keeper import EngineState, Status
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.models import model_actions, models_folder
from sjc_blender.addon.models.model_library import LIBRARY, ModelLibrary
from sjc_blender.addon.models.model_status import Place
from sjc_blender.addon.models.model_words import facts
from sjc_blender.addon.process.child_owner import end_children
from sjc_blender.addon.ui.job import main_panel
from sjc_blender.addon.ui.models import model_panel
from sjc_blender.protocol.amounts import gigabytes
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.hub_cache import VARIABLE, cached_snapshot, hub_cache
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_events import ModelOnDisk, Models, Transfer
from sjc_blender.protocol.spec import JobSpec, ModelSpec
from tests.addon.drawn_layout import Layout, context
from tests.fake_hub import FakeHub

ENGINE = os.environ.get("SJC_ENGINE_PYTHON", "")
KNOWN = "google/ddpm-cifar10-32"
TITLE = "DDPM CIFAR-10"
WEIGHTS = "diffusion_pytorch_model.safetensors"
FILES = {
    "model_index.json": json.dumps({"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]}).encode(),
    "config.json": b"{}",
    "scheduler_config.json": b"{}",
    "README.md": b"read me",
    "diffusion_pytorch_model.bin": b"pickle",
}
needs_engine = pytest.mark.skipif(not ENGINE, reason="SJC_ENGINE_PYTHON names no engine")


@pytest.fixture
def addon(scene, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(model_actions, "_log_path", lambda: tmp_path / "log" / "models.log")
    sjc_blender.register()
    yield
    QUEUE._jobs.clear()
    sjc_blender.unregister()
    assert not LIBRARY.at_work


@pytest.fixture
def hub(monkeypatch):
    made = FakeHub()
    made.repositories[KNOWN] = FILES | {WEIGHTS: os.urandom(6_000_000)}
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    yield made
    made.close()


@pytest.fixture
def online(monkeypatch):
    """Let Blender use the network, as a user does who has allowed it."""
    for module in (model_actions, session):
        monkeypatch.setattr(
            module,
            "bpy",
            SimpleNamespace(app=SimpleNamespace(online_access=True, background=True), context=bpy.context),
        )


def status(hub_id=KNOWN):
    return next(model for model in api.models(wait=False) if model.id == hub_id)


def until(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "this did not happen in time"
        LIBRARY.pump()
        time.sleep(0.01)


@needs_engine
def test_a_model_is_downloaded_listed_and_deleted(addon, hub, online, scene):
    assert status().place is Place.UNKNOWN
    seen = []
    model = api.download_model(KNOWN, wait=True, progress=lambda library: seen.append(library.transfer))
    assert model.place is Place.DISK and model.size == pytest.approx(6_000_000, rel=0.05)
    # Looked at now and then: which part of a fast download is seen is left to chance.
    shown = [transfer for transfer in seen if transfer]
    assert shown and all(0 <= transfer.done <= transfer.total for transfer in shown)
    assert (cached_snapshot(KNOWN) / WEIGHTS).read_bytes() == hub.repositories[KNOWN][WEIGHTS]
    assert not (cached_snapshot(KNOWN) / "diffusion_pytorch_model.bin").exists()
    assert [each.id for each in api.models() if each.place is Place.DISK] == [KNOWN]
    api.delete_model(KNOWN, wait=True)
    assert status().place is Place.HUB and not list(hub_cache().glob("models--*"))


@needs_engine
def test_nothing_waits_for_the_download_and_it_can_be_stopped(addon, hub, online):
    hub.stop_at = 2_500_000
    api.download_model(KNOWN)
    assert LIBRARY.at_work and status().place is not Place.DISK
    with pytest.raises(SjcError, match="download " + KNOWN):
        api.models()
    until(lambda: any(path.stat().st_size >= 1_000_000 for path in hub_cache().rglob("*.incomplete")))
    api.cancel_download()
    time.sleep(0.3)  # it has to be heard before the rest comes
    hub.go_on.set()
    until(lambda: not LIBRARY.at_work)
    assert LIBRARY.cancelled and LIBRARY.error is None
    assert status().place is Place.PART and status().size >= 1_000_000
    hub.stop_at = None
    hub.requests.clear()
    assert api.download_model(KNOWN, wait=True).place is Place.DISK
    assert any(span for path, span in hub.fetched() if path == WEIGHTS)


@needs_engine
def test_a_download_that_does_not_hear_is_ended_and_what_it_left_is_listed(addon, hub, online):
    hub.stop_at = 2_500_000
    api.download_model(KNOWN)
    until(lambda: any(path.stat().st_size >= 1_000_000 for path in hub_cache().rglob("*.incomplete")))
    LIBRARY.cancel(now=True)
    until(lambda: not LIBRARY.at_work)
    assert LIBRARY.cancelled and LIBRARY.error is None and status().place is Place.PART


@needs_engine
def test_the_end_of_the_addon_ends_the_download(addon, hub, online):
    hub.stop_at = 0
    api.download_model(KNOWN)
    until(lambda: LIBRARY._process is not None and hub.stopped.is_set())
    pid = LIBRARY._process.pid
    end_children([LIBRARY], 0.0)
    assert not LIBRARY.at_work
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@needs_engine
def test_what_the_engine_refuses_is_raised_and_shown(addon, hub, online, scene):
    hub.gated.add(KNOWN)
    with pytest.raises(SjcError) as refused:
        api.download_model(KNOWN, wait=True)
    assert refused.value.code == "gated_model"
    scene.sjc.model_kind, scene.sjc.model_id = "HUB", KNOWN
    assert "hf auth login" in words(drawn())
    with pytest.raises(SjcError) as refused:
        api.delete_model("nobody/nothing", wait=True)
    assert refused.value.code == "model_not_on_disk"


def test_without_the_network_nothing_is_begun(addon, monkeypatch):
    app = SimpleNamespace(online_access=False, online_access_override=False, background=True)
    monkeypatch.setattr(session, "bpy", SimpleNamespace(app=app, context=bpy.context))
    with pytest.raises(SjcError, match="Allow Online Access") as refused:
        api.download_model(KNOWN)
    assert refused.value.code == "offline" and not LIBRARY.at_work
    app.online_access_override = True
    with pytest.raises(SjcError, match="--offline-mode"):
        api.download_model(KNOWN)


def test_a_model_that_a_job_uses_is_not_deleted(addon, tmp_path):
    folder = JobFolder.create(tmp_path / "job", JobSpec("a cat", model=ModelSpec(KNOWN)))
    QUEUE._jobs.append(Job(folder, folder.read_spec(), Path("python"), state=JobState.RUNNING))
    with pytest.raises(SjcError, match="in use by the job 'a cat'"):
        api.delete_model(KNOWN)


def test_without_an_engine_the_built_in_model_stays(addon, monkeypatch, scene):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", "")
    with pytest.raises(SjcError):
        api.models()
    layout = drawn()
    assert "Without the engine, only the built-in model" in words(layout)
    assert chosen(layout) == ["Built-in prior"]
    bpy.ops.sjc.choose_model(model="builtin")
    scene.sjc.prompt = "a red chair"
    assert scene.sjc.obstacle() == ""


@needs_engine
def test_the_command_lists_downloads_and_deletes(addon, hub, online, capfd):
    assert command_line.main(["models", "download", KNOWN]) == 0
    out, err = capfd.readouterr()
    assert f"{KNOWN}: {cached_snapshot(KNOWN)}" in out and "100%" in err
    assert command_line.main(["models", "--json"]) == 0
    outcome = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert [model["id"] for model in outcome["models"] if model["state"] == "on disk"] == [KNOWN]
    assert command_line.main(["models", "delete", KNOWN]) == 0
    assert cached_snapshot(KNOWN) is None
    assert command_line.main(["models", "download", "someone/else"]) == 1
    assert "has no model someone/else" in capfd.readouterr().err
    assert command_line.main(["models", "download"]) == 2


@needs_engine
def test_what_a_model_is_is_told_by_the_api_and_by_the_command(addon, capfd):
    facts = api.show_model("builtin")
    assert (facts.family, facts.prediction, facts.warnings) == ("stable_diffusion", "v_prediction", ())
    assert command_line.main(["models", "profile", "builtin", "--background", "#ffffff", "--json"]) == 0
    profile = json.loads(capfd.readouterr().out.splitlines()[-1])["profile"]
    assert len(profile["background"]) == 4 and profile["family"] == "stable_diffusion"
    assert command_line.main(["models", "show", "nobody/nothing"]) == 1
    assert "'nobody/nothing' was not found" in capfd.readouterr().err
    assert command_line.main(["models", "delete", KNOWN, "--try"]) == 2
    assert "--try is for show" in capfd.readouterr().err


def test_settings_that_are_not_a_models_own_are_said_in_the_panel(addon, scene, tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    bpy.ops.sjc.choose_model(model="builtin")
    assert "starting points" not in words(drawn())
    bpy.ops.sjc.choose_model(model="own")
    bpy.ops.sjc.choose_model_folder(directory=str(tmp_path))
    assert "starting points" in words(drawn())


def test_the_preference_moves_the_cache_for_blender_and_the_engine(addon, monkeypatch, tmp_path):
    monkeypatch.setattr(models_folder, "_outside", None)
    models_folder.use(str(tmp_path / "mine"))
    assert hub_cache() == tmp_path / "mine"
    models_folder.use("")
    assert hub_cache() == tmp_path / "home" / "hub"


# ---- The panel ------------------------------------------------------------------------------------------------------


def drawn(*, unfolded=True):
    layout = Layout()
    layout.unfolded = unfolded
    model_panel.SJC_PT_model.draw(SimpleNamespace(layout=layout), context())
    return layout


def words(layout):
    return " ".join(layout.texts())


def chosen(layout):
    return [options["text"] for kind, _, options, _ in layout.drawn if kind == "operator" and options.get("depress")]


def buttons(layout):
    return {args[0]: options.get("text") for kind, args, options, _ in layout.drawn if kind == "operator"}


def found(state=None, size=0):
    there = (ModelOnDisk(KNOWN, "ddpm", state, size, "/cache/x"),) if state else ()
    other = ModelOnDisk("someone/own-training", "stable_diffusion", "whole", 2_000_000_000, "/cache/y")
    return Models("/cache", 10**11, (*there, other))


def test_at_first_the_built_in_model_is_chosen(addon):
    layout = drawn()
    assert chosen(layout) == ["Built-in prior"]
    assert "GPL-3.0-or-later" in layout.texts() and "no GPU needed" in layout.texts()
    assert "sjc.download_model" not in buttons(layout) and "sjc.delete_model" not in buttons(layout)


def test_the_built_in_model_names_its_objects_and_is_not_called_by_another_model(addon):
    said = words(drawn())
    assert ("Kind", "Small latent diffusion") in facts(status("builtin"))
    assert "duck, car, chair, mug" in said and "red, orange, yellow" in said


def test_the_download_stands_in_the_row_that_was_chosen(addon, scene):
    LIBRARY.found = found()
    bpy.ops.sjc.choose_model(model=KNOWN)
    for unfolded in (True, False):  # a file that is opened with this model has the list folded
        kinds = [args[0] for kind, args, _, _ in drawn(unfolded=unfolded).drawn if kind == "operator"]
        assert kinds[kinds.index("sjc.download_model") - 1] == "sjc.choose_model"
        assert kinds.count("sjc.download_model") == 1
    scene.sjc.prompt = "a cat"
    layout = Layout()
    main_panel.SJC_PT_main.draw(SimpleNamespace(layout=layout), context())
    assert f"Download {TITLE} first, or choose another model" in words(layout), "why Generate is grey"


def test_after_the_set_up_the_list_is_asked_for_again(addon, monkeypatch):
    LIBRARY.error = SjcError("engine_incomplete", "The engine is not set up.", "Set it up.")
    asked = []
    monkeypatch.setattr(model_actions, "refresh_models", lambda: asked.append(1))
    state = EngineState(Status.SETTING_UP, session.KEEPER.state.place)
    monkeypatch.setattr(session.KEEPER, "_state", state)
    for listener in session.LISTENERS:
        listener()
    assert not asked
    monkeypatch.setattr(session.KEEPER, "_state", dataclasses.replace(state, status=Status.READY))
    for listener in session.LISTENERS:
        listener()
    assert asked


def test_a_model_to_download_shows_what_it_needs(addon, scene):
    LIBRARY.found = found()
    bpy.ops.sjc.choose_model(model=KNOWN)
    layout = drawn()
    assert chosen(layout) == [TITLE]
    assert {"Apache-2.0", "about 150 MB", "about 1 GB of the GPU", "32 x 32"} <= set(layout.texts())
    assert "Takes no prompt" in words(layout)
    assert buttons(layout)["sjc.download_model"] == "Download" and "sjc.delete_model" not in buttons(layout)
    assert "someone/own-training" in layout.texts("operator")
    scene.sjc.prompt = "a cat"
    assert scene.sjc.obstacle() == f"Download {TITLE} first, or choose another model"
    bpy.ops.sjc.choose_model(model="madebyollin/taesd")
    assert "Decoders for quick previews" in drawn().texts()
    assert "previews only" in scene.sjc.obstacle()


def test_a_gated_model_says_so(addon):
    LIBRARY.found = found()
    bpy.ops.sjc.choose_model(model="DeepFloyd/IF-I-M-v1.0")
    assert "accept its licence" in words(drawn())


def test_a_download_shows_its_progress_and_can_be_cancelled(addon):
    LIBRARY.found = found()
    bpy.ops.sjc.choose_model(model=KNOWN)
    LIBRARY.action, LIBRARY.subject = "download", KNOWN
    LIBRARY.transfer = Transfer(50_000_000, 200_000_000, 10e6, WEIGHTS)
    layout = drawn()
    ((options),) = [options for kind, _, options, _ in layout.drawn if kind == "progress"]
    assert options["factor"] == pytest.approx(0.25) and options["text"] == "25%   50 MB / 200 MB"
    assert "10.0 MB/s, 0:15 left" in layout.texts()
    assert buttons(layout)["sjc.cancel_download"] == "Cancel" and "sjc.download_model" not in buttons(layout)
    LIBRARY.cancelling = True
    assert buttons(drawn())["sjc.cancel_download"] == "Stopping..."
    bpy.ops.sjc.choose_model(model="builtin")
    assert "sjc.cancel_download" in buttons(drawn())
    LIBRARY.action = ""


def test_what_is_on_disk_can_be_checked_and_deleted_and_a_part_completed(addon, scene):
    bpy.ops.sjc.choose_model(model=KNOWN)
    scene.sjc.prompt = "a cat"
    LIBRARY.found = found("whole", 143_000_000)
    layout = drawn()
    assert "143 MB" in layout.texts()
    assert buttons(layout)["sjc.download_model"] == "Check" and "sjc.delete_model" in buttons(layout)
    assert scene.sjc.obstacle() == ""
    LIBRARY.found = found("part", 20_000_000)
    layout = drawn()
    assert "20 MB, not whole" in layout.texts()
    assert buttons(layout)["sjc.download_model"] == "Complete"
    assert scene.sjc.obstacle()


@pytest.mark.parametrize(
    ("pipeline", "reads"), [("DDPMPipeline", False), ("DiTPipeline", None), ("FluxPipeline", True)]
)
def test_a_model_of_ones_own_is_told_the_texts_that_it_reads(addon, scene, tmp_path, pipeline, reads):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    bpy.ops.sjc.choose_model(model="own")
    scene.sjc.model_source = str(tmp_path)
    scene.sjc.prompt, scene.sjc.negative_prompt = "a cat", "blurry"
    bpy.ops.sjc.add_adapter(filepath=str(tmp_path / "ink.safetensors"))
    request = scene.sjc.request()
    assert ("ink" in drawn().texts()) == (len(request.overrides["model"]["adapters"]) == 1) == bool(reads)
    # DiT takes a class, and leads away from another.
    assert request.negative_prompt == ("" if reads is False else "blurry")
    bpy.ops.sjc.choose_model(model="builtin")
    assert scene.sjc.request().overrides["model"]["adapters"] == []


def test_a_model_of_ones_own_and_its_loras(addon, scene, tmp_path):
    bpy.ops.sjc.choose_model(model="own")
    assert chosen(drawn()) == ["Your Own"]
    scene.sjc.prompt = "a cat"
    assert scene.sjc.obstacle() == "Choose the model's folder or file"
    bpy.ops.sjc.choose_model_folder(directory=str(tmp_path))
    assert scene.sjc.model == str(tmp_path)
    for name in ("ink", "clay"):
        bpy.ops.sjc.add_adapter(filepath=str(tmp_path / f"{name}.safetensors"))
    scene.sjc.adapters[0].weight, scene.sjc.adapters[1].use = 0.5, False
    assert {"ink", "clay"} <= set(drawn().texts())
    bpy.ops.sjc.choose_model(model=KNOWN)
    assert "ink" not in drawn().texts() and scene.sjc.used_adapters == []  # it takes no prompt, and no LoRA
    bpy.ops.sjc.choose_model(model="own")
    assert scene.sjc.used_adapters == [{"path": str(tmp_path / "ink.safetensors"), "weight": 0.5}]
    bpy.ops.sjc.remove_adapter(index=0)
    assert [adapter.name for adapter in scene.sjc.adapters] == ["clay"]


def test_graphics_memory_can_be_chosen_for_models_that_need_much(addon, scene):
    def shown():
        return [args[1] for kind, args, _, _ in drawn().drawn if kind == "prop"]

    assert "memory" not in shown()
    bpy.ops.sjc.choose_model(model="own")
    assert "memory" in shown()
    choices = {item.identifier for item in scene.sjc.bl_rna.properties["memory"].enum_items}
    assert choices == set(typing.get_args(typing.get_type_hints(ModelSpec)["memory"]))


def test_a_failed_list_is_told_once_and_a_button_asks_again(addon):
    LIBRARY.error = SjcError("engine_died", "The engine ended.", "Try again.")
    layout = drawn()
    assert "The engine ended." in words(layout) and "sjc.refresh_models" in buttons(layout)


def test_an_engine_that_says_nothing_is_an_error(tmp_path):
    library = ModelLibrary()
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\necho oh no >&2\nexit 7\n")
    silent.chmod(0o755)
    library.begin("list", "", lambda: silent, tmp_path / "models.log", online=False)
    end = time.monotonic() + 20
    while library.at_work and time.monotonic() < end:
        library.pump()
        time.sleep(0.01)
    assert library.error.code == "engine_died" and "exit code 7" in str(library.error) and "oh no" in str(library.error)


def test_sizes():
    assert [gigabytes(count) for count in (0, 143_000_000, 999_000_000, 2_130_000_000)] == [
        "0 MB",
        "143 MB",
        "999 MB",
        "2.1 GB",
    ]
