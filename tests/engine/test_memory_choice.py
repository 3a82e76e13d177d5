"""From what a job needs and what is free to the level at which it begins, a warning, or a refusal."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sjc_blender.engine import job
from sjc_blender.engine.commands import cli
from sjc_blender.engine.forecast import main_memory as system
from sjc_blender.engine.forecast.choice import choose_level, limit_graphics, require_disk
from sjc_blender.engine.forecast.free import Free, what_is_free
from sjc_blender.engine.forecast.main_memory import MainMemory, main_memory
from sjc_blender.engine.forecast.needs import Needs
from sjc_blender.engine.forecast.step_probe import PROBE_STEPS, StepProbe, run_seconds
from sjc_blender.engine.forecast.weights import Network
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.memory import card_bytes, memory_levels
from sjc_blender.protocol.spec import ModelSpec

ROOT = Path(__file__).resolve().parents[2]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
GB = 10**9
PLENTY = MainMemory(64 * GB, 64 * GB, 64 * GB)

# About Stable Diffusion XL in half precision: 5.1 GB of U-Net, 1.6 GB of text encoders, its decoder in float32.
LARGE = Needs(
    networks={
        "unet": Network(int(5.1 * GB), 30_000_000, {}),
        "text_encoder": Network(int(0.25 * GB), 76_000_000, {}),
        "text_encoder_2": Network(int(1.4 * GB), 126_000_000, {}),
        "vae": Network(int(0.33 * GB), 19_000_000, {}),
    },
    denoising=170_000_000,
    decoding=6 * 128 * 4.0,
    samples=2,
    pixels=1024,
    field=20_000_000,
    render=740_000_000,
    optimising=70_000_000,
    colouring=GB,
    checkpoint=60_000_000,
    pictures=23_000_000,
)


def free(graphics=None, memory=PLENTY, disk=100 * GB, total=24 * GB):
    return Free(memory, graphics, total if graphics is not None else 0, disk)


def chosen(graphics, memory="auto", offload="none"):
    return choose_level(ModelSpec("xl", memory=memory, offload=offload), LARGE, free(graphics), CUDA)


def test_a_job_begins_at_the_quickest_level_that_fits_into_what_is_free():
    levels = memory_levels()
    for level in levels:
        assert chosen(LARGE.graphics(level)).level == level
        assert chosen(LARGE.graphics(level) - 1 if level is not levels[-1] else 24 * GB).level != level
    assert chosen(24 * GB).warnings == ()


def test_less_than_full_speed_is_told_with_need_and_budget():
    (warning,) = chosen(LARGE.graphics(memory_levels()[1])).warnings
    assert f"{LARGE.graphics(memory_levels()[0]) / GB:.1f} GB of graphics memory" in warning
    assert memory_levels()[1].words in warning


def test_a_card_that_is_named_is_the_budget_on_a_larger_one_and_what_is_free_on_a_smaller():
    assert [chosen(24 * GB, card).level.offload for card in ("12GB", "8GB", "6GB")] == ["none", "model", "sequential"]
    assert chosen(24 * GB, "8GB").level.tile > 0, "a decoder in full precision needs tiles there"
    small = int(2.5 * GB)
    assert chosen(small, "12GB").level == chosen(small).level == memory_levels()[-1]
    assert [card_bytes(name) for name in ("auto", "most")] == [None, None]
    assert 5 * GB < card_bytes("6GB") < 6 * 2**30


def test_the_most_is_neither_asked_nor_refused():
    assert chosen(1, "most").level == memory_levels()[0]
    assert chosen(1, "most", offload="model").level.offload == "model"


def test_what_the_job_wants_offloaded_is_offloaded_in_any_case():
    assert chosen(24 * GB, offload="sequential").level.offload == "sequential"
    assert chosen(24 * GB, offload="sequential").warnings == ()


def test_too_little_graphics_memory_is_refused_with_need_have_and_what_to_change():
    with pytest.raises(SjcError) as refused:
        chosen(100_000_000)
    assert refused.value.code == "not_enough_memory"
    assert f"{LARGE.graphics(memory_levels()[-1]) / GB:.1f} GB" in refused.value.message
    assert "100 MB are free" in refused.value.message
    assert "field.resolution" in refused.value.hint and "model.memory=most" in refused.value.hint


def test_on_the_processor_main_memory_decides():
    def on_processor(memory):
        return choose_level(ModelSpec("xl"), LARGE, free(memory=memory), CPU)

    whole, thrifty = (LARGE.memory(memory_levels()[index], on_card=False) for index in (0, 2))
    assert thrifty < whole
    assert on_processor(PLENTY).level == memory_levels()[0] and not on_processor(PLENTY).warnings
    # The engine, which is there when it asks, is in the need but not in what is free.
    level = on_processor(MainMemory(thrifty - GB // 2, 64 * GB, 64 * GB))
    assert (level.level, level.warnings) == (memory_levels()[2], ())
    (slow,) = on_processor(MainMemory(4 * GB, 64 * GB, 64 * GB)).warnings
    assert "4.0 GB are free" in slow and "slow" in slow
    with pytest.raises(SjcError, match="main memory") as refused:
        on_processor(MainMemory(4 * GB, 5 * GB, 8 * GB))
    assert refused.value.code == "not_enough_memory" and "5.0 GB" in refused.value.message
    assert on_processor(None).level == memory_levels()[0], "a system that does not tell hinders nothing"


def test_networks_that_wait_in_main_memory_need_it_there():
    little = MainMemory(4 * GB, 5 * GB, 8 * GB)
    with pytest.raises(SjcError, match="main memory"):
        choose_level(ModelSpec("xl"), LARGE, free(24 * GB, memory=little), CUDA)


def test_a_disk_that_is_too_full_is_refused_and_an_earlier_checkpoint_is_room(tmp_path):
    require_disk(LARGE, free(disk=LARGE.disk), tmp_path, 0)
    require_disk(LARGE, free(disk=LARGE.disk - LARGE.checkpoint), tmp_path, LARGE.checkpoint)
    with pytest.raises(SjcError, match=r"143 MB for its files in .* and 1 MB are free") as refused:
        require_disk(LARGE, free(disk=1_000_000), tmp_path, 0)
    assert refused.value.code == "disk_full"


def test_the_rest_of_a_larger_card_is_left_to_others(monkeypatch):
    shares = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    for memory in ("auto", "most", "6GB", "12GB"):
        limit_graphics(ModelSpec("xl", memory=memory), free(20 * GB, total=24 * GB))
    limit_graphics(ModelSpec("xl", memory="12GB"), free(5 * GB, total=6 * GB))
    limit_graphics(ModelSpec("xl", memory="6GB"), free())
    assert shares == [pytest.approx(5.2 / 24), pytest.approx(11 / 24), 1.0]


def test_what_is_free_on_a_card_is_what_its_driver_says(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5 * GB, 8 * GB))
    found = what_is_free(CUDA, tmp_path / "not" / "there")
    assert (found.graphics, found.graphics_total) == (5 * GB, 8 * GB)
    assert found.disk > 0
    assert what_is_free(CPU, tmp_path).graphics is None


def test_this_system_tells_its_memory():
    memory = main_memory()
    assert 0 < memory.free <= memory.total
    assert memory.free <= memory.limit


@pytest.mark.parametrize(("platform", "limit"), [("linux", 4 * GB), ("win32", 4 * GB), ("darwin", 8 * GB)])
def test_what_may_be_swapped_out_counts_to_the_limit(monkeypatch, platform, limit):
    told = SimpleNamespace(available=3 * GB, total=8 * GB)
    monkeypatch.setattr(system.psutil, "virtual_memory", lambda: told)
    monkeypatch.setattr(system.psutil, "swap_memory", lambda: SimpleNamespace(free=GB))
    monkeypatch.setattr(system, "memory_limits", lambda: iter(()))
    monkeypatch.setattr(system.sys, "platform", platform)
    assert system.main_memory() == MainMemory(3 * GB, limit, 8 * GB)


def test_the_first_steps_tell_the_time_once():
    probe = StepProbe(1000)
    told = [probe.took(1.0 if index < 2 else 0.1) for index in range(PROBE_STEPS + 5)]
    assert told.index(True) == PROBE_STEPS - 1 and sum(told) == 1
    assert probe.step_seconds == pytest.approx(0.1)


def test_slow_steps_are_not_waited_for_and_few_are_enough():
    slow = StepProbe(1000)
    assert [slow.took(60.0) for _ in range(4)] == [False, False, True, False]
    short = StepProbe(2)
    assert [short.took(0.1) for _ in range(2)] == [False, True]
    assert run_seconds(60.0, 100, 2.0, 10, 20) == pytest.approx(6000 + 60, rel=0.01)


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    spec = presets.new_job(
        "a red chair",
        model=str(tiny_pipeline("v_prediction")),
        field={"resolution": 12},
        outputs={"colour_views": 4, "mesh": False},
        optimisation={"steps": 30, "guidance_scale": 3.0, "emptiness_weight": 0},
    )
    return JobFolder.create(tmp_path / "job", spec)


def run(folder):
    told = []
    return cli._work(folder, told.append, lambda: False, restart=False), told


@pytest.mark.parametrize(
    ("here", "code"),
    [
        (free(memory=MainMemory(1000, 2000, 8 * GB)), "not_enough_memory"),
        (free(disk=1000), "disk_full"),
    ],
)
def test_a_job_that_does_not_fit_is_refused_before_its_model_is_loaded(folder, monkeypatch, here, code):
    monkeypatch.setattr(job, "what_is_free", lambda device, folder: here)
    monkeypatch.setattr(job, "load_score_model", lambda *_: pytest.fail("the model is loaded"))
    exit_code, told = run(folder)
    assert (exit_code, told[-1].code) == (cli.EXIT_FAILED, code)


def test_a_run_tells_its_needs_at_once_and_its_time_after_some_steps(folder):
    code, told = run(folder)
    assert code == cli.EXIT_OK
    forecasts = [event for event in told if isinstance(event, events.Forecast)]
    assert [bool(event.seconds) for event in forecasts] == [False, True]
    optimising = told.index(events.Phase("optimising"))
    assert told.index(forecasts[0]) < optimising < told.index(forecasts[1])
    before = [event for event in told[: told.index(forecasts[1])] if isinstance(event, events.Progress)]
    assert all(event.step <= PROBE_STEPS for event in before)


def forecast(capsys, *arguments):
    code = cli.main(["forecast", *map(str, arguments)])
    return code, capsys.readouterr()


def test_the_command_says_needs_and_what_is_free_and_leaves_nothing(folder, capsys):
    before = sorted(folder.path.rglob("*"))
    code, told = forecast(capsys, folder.path, "--probe", "--json")
    found = json.loads(told.out)
    assert code == 0
    assert found["level"] == 0 and found["error"] is None
    assert found["seconds"] > 0
    assert found["levels"][0]["memory_bytes"] > GB // 2
    assert found["free"]["disk"] > 0
    assert sorted(folder.path.rglob("*")) == before


def test_the_command_speaks_to_people(capsys):
    code, told = forecast(capsys, "--prompt", "a red chair", "--preset", "draft")
    assert code == 0
    assert [line.partition(" ")[0] for line in told.out.splitlines()] == ["memory", "memory", "memory:", "disk:"]
    assert told.out.count("so it begins") == 1


def test_the_command_says_what_would_be_refused(capsys, monkeypatch):
    from sjc_blender.engine.forecast import free as free_module

    monkeypatch.setattr(free_module, "what_is_free", lambda device, folder: free(disk=1000))
    code, told = forecast(capsys, "--prompt", "a red chair")
    assert code == cli.EXIT_FAILED
    assert "Error: The job needs about" in told.out and "field.resolution" in told.out
    code, told = forecast(capsys, "--prompt", "a red chair", "--model", "nobody/has-this")
    assert code == cli.EXIT_USAGE and "nobody/has-this" in told.err


def test_the_engine_has_the_command():
    command = [sys.executable, "-m", "sjc_blender.engine", "forecast", "--prompt", "a red chair", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=120)
    assert json.loads(done.stdout)["device"] in ("cpu", "cuda")


def test_a_network_that_sees_one_sample_at_a_time_says_the_same(folder, monkeypatch):
    model = load_score_model(folder.read_spec().model)
    embeddings = model.encode(["front view of a red chair", ""])
    condition = Condition(embeddings[:1], embeddings[1:], 3.0)
    z = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    seen, predict = [], model._predict

    def watched(network_input, *others):
        seen.append(len(network_input))
        return predict(network_input, *others)

    monkeypatch.setattr(model, "_predict", watched)
    whole = model.denoise(z, 500, condition)
    model.place(memory_levels()[2])
    torch.testing.assert_close(model.denoise(z, 500, condition), whole)
    assert seen == [6] + [1] * 6
    model.place(dataclasses.replace(memory_levels()[2], samples_at_once=4))
    torch.testing.assert_close(model.denoise(z, 500, condition), whole)
    assert seen[7:] == [4, 2]


def test_large_pictures_are_decoded_in_tiles_that_join(folder, monkeypatch):
    model = load_score_model(folder.read_spec().model)
    # Alike everywhere: the decoder normalises a tile by what it sees of the picture.
    latents = torch.randn(1, 4, 24, 24, generator=torch.Generator().manual_seed(0))
    whole = model.decode(latents)
    vae, sizes = model._pipeline.vae, []
    decoder = vae.decoder.forward
    monkeypatch.setattr(vae.decoder, "forward", lambda z, *rest: (sizes.append(z.shape[-1]), decoder(z, *rest))[1])
    model.place(dataclasses.replace(memory_levels()[2], tile=16))
    tiled = model.decode(latents)
    assert tiled.shape == whole.shape
    assert len(sizes) > 1 and max(sizes) == 8
    # A tile in a wrong place would have nothing to do with the picture.
    assert torch.corrcoef(torch.stack([tiled.flatten(), whole.flatten()]))[0, 1] > 0.85
    model.decode(latents[..., :8, :8])
    assert sizes[-1] == 8, "a small one is decoded as it is"


def test_loading_takes_the_next_level_where_memory_runs_out(folder, monkeypatch):
    from sjc_blender.engine.score_models import pipeline_model

    asked = []

    def place(pipeline, device, offload):
        asked.append(offload)
        if len(asked) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(pipeline_model, "place", place)
    monkeypatch.setattr(job, "what_is_free", lambda device, folder: free())
    code, told = run(folder)
    assert code == cli.EXIT_OK
    assert len(asked) == 2
    said = [event.message for event in told if isinstance(event, events.Warned)]
    of_the_model = "no trained network|not measured with it"  # as this tiny one
    said = [sentence for sentence in said if not re.search(of_the_model, sentence)]
    assert said == [f"There was less memory than it seemed: {memory_levels()[2].words}."]
