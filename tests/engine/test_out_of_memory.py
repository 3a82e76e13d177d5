"""A job goes on with less memory where it runs out, to the same result, and fails in a sentence at the very end."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from sjc_blender.engine import checkpoint, job
from sjc_blender.engine.commands import cli
from sjc_blender.engine.forecast import out_of_memory
from sjc_blender.engine.forecast.out_of_memory import with_less_memory
from sjc_blender.engine.optimisation import sjc
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.engine.score_models.placement import levels_after
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.memory import memory_levels
from sjc_blender.protocol.spec import scheduled

CUDA = torch.device("cuda")
STEPS = 12


class FullModel:
    """A model whose memory runs out at the calls of `denoise` or `decode` that are named, on a card that is none."""

    def __init__(self, model, denoise=(), decode=()):
        self.model = model
        self.runs_out = {"denoise": set(denoise), "decode": set(decode)}
        self.calls = {"denoise": 0, "decode": 0}
        self.level = memory_levels()[0]
        self.placed = []

    def __getattr__(self, name):
        return getattr(self.model, name)

    def place(self, level):
        self.level = level
        self.placed.append(level)

    def denoise(self, *arguments):
        self._count("denoise")
        return self.model.denoise(*arguments)

    def decode(self, samples):
        self._count("decode")
        return self.model.decode(samples)

    def _count(self, name):
        self.calls[name] += 1
        if self.calls[name] in self.runs_out[name]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def new_folder(tiny_pipeline, tmp_path):
    def make(name, **field):
        spec = presets.new_job(
            "a red chair",
            model=str(tiny_pipeline("v_prediction")),
            field={"resolution": 12, **field},
            outputs={"colour_views": 4, "mesh": False},
            optimisation={"steps": STEPS, "guidance_scale": 3.0, "checkpoint_every": 5, "emptiness_weight": 0},
        )
        return JobFolder.create(tmp_path / name, spec)

    return make


@pytest.fixture
def run(monkeypatch):
    def run(folder, **runs_out):
        made = []

        def load(spec, level=None):
            made.append(FullModel(load_score_model(spec, level), **runs_out))
            return made[0]

        load_score_model = job.load_score_model
        with monkeypatch.context() as patch:
            patch.setattr(job, "load_score_model", load)
            # On the CPU there is little to fall back to; the levels are those of a card.
            patch.setattr(out_of_memory, "levels_after", lambda level, _: levels_after(level, CUDA))
            told = []
            code = cli._work(folder, told.append, lambda: False, restart=False)
        return code, told, made[0]

    return run


def same_result(one, other):
    with np.load(one.result / "field.npz") as a, np.load(other.result / "field.npz") as b:
        return a.files == b.files and all(np.array_equal(a[name], b[name]) for name in a.files)


def warnings(told):
    return [event.message for event in told if isinstance(event, events.Warned)]


@pytest.mark.parametrize(
    "runs_out",
    [
        {"denoise": [1]},
        {"denoise": [1, 2, 3]},
        {"denoise": [8]},
        {"decode": [1, 3]},
        {"denoise": [4], "decode": [2, 16]},  # 12 previews, then the views of the result
    ],
)
def test_the_job_ends_with_the_result_of_one_that_had_enough(new_folder, run, runs_out):
    plain, starved = new_folder("plain"), new_folder("starved")
    assert run(plain)[0] == cli.EXIT_OK
    code, told, model = run(starved, **runs_out)
    assert code == cli.EXIT_OK, told[-1]
    times = sum(map(len, runs_out.values()))
    assert model.placed == list(memory_levels()[1 : times + 1])
    said = warnings(told)
    assert len(said) == times
    assert all(level.words in message for level, message in zip(model.placed, said, strict=True))
    assert same_result(plain, starved)
    assert plain.checkpoint.read_bytes() == starved.checkpoint.read_bytes()


@pytest.mark.parametrize("step", [0, 7], ids=["before the first checkpoint", "after one"])
def test_memory_that_runs_out_in_the_midst_of_an_update_costs_steps_but_not_the_result(
    new_folder, run, monkeypatch, step
):
    plain, starved = new_folder("plain"), new_folder("starved")
    assert run(plain)[0] == cli.EXIT_OK
    update, failed = ScoreJacobianChaining._count_step, []

    def half_an_update(self):
        if self.step == step and not failed:
            failed.append(step)
            raise torch.OutOfMemoryError("CUDA out of memory.")
        update(self)

    monkeypatch.setattr(ScoreJacobianChaining, "_count_step", half_an_update)
    code, told, _model = run(starved)
    assert code == cli.EXIT_OK, told[-1]
    assert failed and len(warnings(told)) == 1
    assert same_result(plain, starved)
    assert plain.checkpoint.read_bytes() == starved.checkpoint.read_bytes()


def test_a_step_that_is_done_again_counts_once(new_folder, run, monkeypatch):
    plain, starved = new_folder("plain"), new_folder("starved")
    assert run(plain)[0] == cli.EXIT_OK
    losses, failed = sjc.regularisation, []

    def exhausted(spec, field, renderings, share, unit, **others):
        if share == 3 / STEPS and not failed:
            failed.append(share)
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return losses(spec, field, renderings, share, unit, **others)

    monkeypatch.setattr(sjc, "regularisation", exhausted)
    assert run(starved)[0] == cli.EXIT_OK
    assert failed
    assert plain.checkpoint.read_bytes() == starved.checkpoint.read_bytes()


def test_a_grid_that_grows_when_memory_runs_out_is_whole_afterwards(new_folder, run, monkeypatch):
    stages = ((0.0, 8), (0.5, 12))
    plain, starved = new_folder("plain", stages=stages), new_folder("starved", stages=stages)
    assert run(plain)[0] == cli.EXIT_OK
    resample, failed = job.ScoreJacobianChaining._new_optimiser, []

    def exhausted(self):
        if self.step == STEPS // 2 and not failed:
            failed.append(self.step)
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return resample(self)

    monkeypatch.setattr(ScoreJacobianChaining, "_new_optimiser", exhausted)
    assert run(starved)[0] == cli.EXIT_OK
    assert failed
    assert plain.checkpoint.read_bytes() == starved.checkpoint.read_bytes()


def test_after_the_thriftiest_level_the_job_fails_and_its_checkpoint_is_whole(new_folder, run):
    folder = new_folder("job")
    code, told, model = run(folder, denoise=range(8, 100))
    assert (code, told[-1].code) == (cli.EXIT_FAILED, "out_of_memory")
    assert model.level == memory_levels()[-1]
    assert "last checkpoint is kept" in told[-1].hint
    step, _tensors = checkpoint.load(folder.checkpoint, scheduled(folder.read_spec()))
    assert step == 5
    assert run(folder)[0] == cli.EXIT_OK


def test_another_fault_is_none_of_memory():
    class Model:
        device = torch.device("cpu")
        level = memory_levels()[0]

        def place(self, level):
            raise AssertionError("nothing is to be placed")

    def faulty():
        raise RuntimeError("the shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        with_less_memory(faulty, Model(), lambda event: None)


def test_a_model_that_cannot_do_with_less_fails_at_once():
    class Pictures:
        device = torch.device("cpu")

    def full():
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        with_less_memory(full, Pictures(), lambda event: None)


def test_without_graphics_memory_only_the_levels_that_make_a_difference_are_taken():
    first = memory_levels()[0]
    assert [level.offload for level in levels_after(first, CUDA)] == ["model", "model", "sequential"]
    left = list(levels_after(first, torch.device("cpu")))
    assert [level.samples_at_once for level in left] == [1]


def test_a_checkpoint_serves_the_job_with_another_amount_of_memory(new_folder, run):
    folder = new_folder("job")
    assert run(folder)[0] == cli.EXIT_OK
    spec = folder.read_spec()
    thrifty = dataclasses.replace(spec, model=dataclasses.replace(spec.model, memory="6GB"))
    assert checkpoint.load(folder.checkpoint, scheduled(thrifty))[0] == STEPS


def test_levels_need_less_and_less(tmp_path):
    kept = [json.dumps(dataclasses.asdict(level)) for level in memory_levels()]
    assert len(set(kept)) == len(kept) == 4
    rank = {"none": 0, "model": 1, "sequential": 2}
    assert [rank[level.offload] for level in memory_levels()] == [0, 1, 1, 2]
