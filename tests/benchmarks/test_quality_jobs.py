"""The quality benchmark's rows, jobs and tables."""

import dataclasses
import json
import threading

import numpy as np
import pytest

from benchmarks.quality import worker
from benchmarks.quality.contact_sheet import write_sheet
from benchmarks.quality.glance import write_glance
from benchmarks.quality.interval import interval
from benchmarks.quality.jobs import planned
from benchmarks.quality.rows import Row, read_rows
from benchmarks.quality.table import markdown, summary
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.spec import OptimisationSpec

TINY = Row(
    "tiny", "a few steps", "draft", set=("optimisation.steps=6", "field.resolution=12", "outputs.colour_views=4")
)
VOCABULARY = load_profile("builtin").vocabulary


def plan(tmp_path, rows=(TINY,), objects=("duck",), colours=1, seeds=(0,)):
    return planned(list(rows), VOCABULARY, tmp_path, objects=objects, colours=colours, seeds=seeds, model="builtin")


def test_every_row_is_a_valid_job():
    for row in read_rows().values():
        assert row.spec("a red duck", 3).seed == 3, row.name


def test_the_papers_row_has_the_published_settings_at_the_cost_of_standard():
    row, standard = read_rows()["paper"].spec("a red duck", 0), new_job("a red duck", preset="standard")
    mine, published = row.optimisation, OptimisationSpec()
    assert (mine.steps, mine.views) == (standard.optimisation.steps, standard.optimisation.views)
    assert row.field.resolution == standard.field.resolution
    for name in ("estimator", "sigma_power", "timesteps_end", "emptiness_weight", "emptiness_late_factor", "clip"):
        assert getattr(mine, name) == getattr(published, name), name
    assert mine.camouflage_weight == 0
    assert row.field.stages == ()


def test_colours_change_with_object_and_seed_and_no_two_jobs_share_a_folder(tmp_path):
    jobs = plan(tmp_path, rows=(TINY, read_rows()["draft"]), objects=VOCABULARY.objects, colours=2, seeds=(0, 1))
    assert len({job.path for job in jobs}) == len(jobs) == 2 * len(VOCABULARY.objects) * 2 * 2
    of_duck = {job.colour for job in jobs if job.name == "duck" and job.row == "tiny"}
    assert len(of_duck) == 4
    assert all(job.name in job.spec.prompt and job.colour in job.spec.prompt for job in jobs)


def test_a_row_may_have_fewer_colours_which_change_with_the_seed_too(tmp_path):
    few = dataclasses.replace(TINY, name="few", colours=1)
    jobs = plan(tmp_path, rows=(TINY, few), colours=3, seeds=(0, 1))
    colours = {name: [job.colour for job in jobs if job.row == name] for name in ("tiny", "few")}
    assert len(colours["tiny"]) == len(set(colours["tiny"])) == 6
    assert len(colours["few"]) == len(set(colours["few"])) == 2
    assert set(colours["few"]) <= set(colours["tiny"])
    once = dataclasses.replace(few, seeds=1)
    assert [job.spec.seed for job in plan(tmp_path, rows=(once,), seeds=(5, 6))] == [5]


def test_a_changed_row_does_not_find_the_results_of_the_one_before(tmp_path):
    (before,) = plan(tmp_path)
    (after,) = plan(tmp_path, rows=(dataclasses.replace(TINY, set=(*TINY.set, "optimisation.guidance_scale=3")),))
    assert before.path != after.path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    (job,) = plan(tmp_path_factory.mktemp("quality"))
    assert worker.make(job)
    return job


def test_a_job_is_made_and_measured(done):
    figures = done.figures()
    # Two evaluations, with and without the prompt, for each of six steps.
    assert figures["evaluations"] == 6 * done.spec.optimisation.views * done.spec.optimisation.noises * 2
    assert figures["seconds"] > 0
    if not figures["failed"]:
        assert 0 <= figures["iou"] <= 1
        assert (done.path / "looks.npz").exists()


def test_what_is_done_is_not_done_again(done):
    before = (done.path / "quality.json").stat().st_mtime_ns
    assert worker.make(done)
    assert (done.path / "quality.json").stat().st_mtime_ns == before


def test_a_new_measure_is_taken_from_the_finished_result(done):
    figures = done.figures()
    older = {name: value for name, value in figures.items() if name != "size"}
    (done.path / "quality.json").write_text(json.dumps(older), encoding="utf-8")
    assert not done.measured()
    assert worker.make(done)
    assert done.measured()
    assert done.figures() == figures


def test_a_stopped_job_goes_on_and_costs_what_one_without_a_stop_costs(done, tmp_path, monkeypatch):
    (job,) = plan(tmp_path)
    asked = iter([False, False, False, True])
    monkeypatch.setattr(worker, "stopped", lambda: next(asked, False))
    assert not worker.make(job)
    assert job.figures() is None
    assert JobFolder(job.path).checkpoint.exists()
    monkeypatch.setattr(worker, "stopped", lambda: False)
    assert worker.make(job)
    assert job.figures()["evaluations"] == done.figures()["evaluations"]
    assert job.figures().get("iou") == done.figures().get("iou")


def test_an_error_of_the_engine_is_a_result(tmp_path):
    # Emptiness that outweighs everything leaves nothing to make a mesh of.
    empty = ("optimisation.emptiness_weight=1e12", "optimisation.learning_rate=5", "optimisation.steps=12")
    emptied = dataclasses.replace(TINY, set=(*TINY.set[1:], *empty))
    (job,) = plan(tmp_path, rows=(emptied,))
    assert worker.make(job)
    figures = job.figures()
    assert figures["failed"] == 1
    assert figures["recognition"] == 0
    assert "iou" not in figures
    assert "empty_field" in (job.path / "error.txt").read_text(encoding="utf-8")


def test_a_full_disk_is_no_result_and_stops_all(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise SjcError("disk_full", "The job needs about 110 MB for its files, and 7 MB are free.")

    stop = threading.Event()
    monkeypatch.setattr(worker, "_stop", stop)
    (job,) = plan(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(worker.engine_job, "run_job", full)
        assert not worker.make(job)
    assert stop.is_set() and job.figures() is None
    assert "7 MB are free" in capsys.readouterr().err
    monkeypatch.setattr(worker, "_stop", None)
    assert worker.make(job) and job.figures()["failed"] == 0


def test_the_interval_holds_the_mean_and_narrows_with_the_number_of_measurements():
    generator = np.random.default_rng(3)
    few, many = (interval(generator.normal(2.0, 1.0, count)) for count in (20, 2000))
    for found in (few, many):
        assert found.low < found.mean < found.high
    assert (many.high - many.low) == pytest.approx(2 * 1.96 / 2000**0.5, rel=0.1)
    assert few.high - few.low > 4 * (many.high - many.low)
    assert interval([0.3]) == interval([0.3])
    assert interval([1.0, 1.0]).low == 1


def test_the_table_tells_the_means_of_what_each_job_has(tmp_path):
    jobs = plan(tmp_path, objects=("duck", "mushroom", "car"))
    for job, figures in zip(jobs, ({"iou": 0.5, "janus_rate": 0.25}, {"iou": 0.7, "janus_rate": None}), strict=False):
        job.path.mkdir(parents=True)
        (job.path / "quality.json").write_text(json.dumps(figures), encoding="utf-8")
    found = summary([TINY], jobs, "builtin", "abc")
    row = found["rows"]["tiny"]
    assert (row["jobs"], row["planned"]) == (2, 3)
    assert row["iou"]["mean"] == pytest.approx(0.6)
    assert row["janus_rate"] == {"mean": 0.25, "low": 0.25, "high": 0.25, "count": 1}
    assert "janus_rate" not in row["objects"]["mushroom"]
    assert "| duck |" in markdown(found)
    assert json.loads(json.dumps(found)) == found


def test_rows_are_compared_on_what_both_have(tmp_path):
    mine = dataclasses.replace(TINY, name="mine")
    published = dataclasses.replace(TINY, name="paper", colours=1)
    jobs = plan(tmp_path, rows=(mine, published), objects=("duck", "car"), colours=2)
    ious = {"mine": {"duck": 0.7, "car": 0.9}, "paper": {"duck": 0.5, "car": 0.6}}
    for job in jobs:
        job.path.mkdir(parents=True)
        alone = job.row == "mine" and job.colour not in {
            other.colour for other in jobs if other.row == "paper" and other.name == job.name
        }
        figures = {"iou": 0.0 if alone else ious[job.row][job.name]}
        (job.path / "quality.json").write_text(json.dumps(figures), encoding="utf-8")
    found = summary([mine, published], jobs, "builtin", "abc")
    assert found["rows"]["mine"]["against_paper"]["iou"] == {"mean": 0.25, "low": 0.2, "high": 0.3, "count": 2}
    ofs = {job.colour: [] for job in jobs}
    for job in jobs:
        if job.row == "mine":
            ofs[job.colour].append(job.figures()["iou"])
    for colour, told in found["rows"]["mine"]["colours"].items():
        assert told["iou"]["mean"] == pytest.approx(sum(ofs[colour]) / len(ofs[colour]), abs=1e-4)
    assert "against_paper" not in found["rows"]["paper"]
    assert "Less Paper" in markdown(found)


def test_the_contact_sheet_shows_what_is_done(done, tmp_path):
    write_sheet([done, *plan(tmp_path, objects=("car",))], tmp_path / "sheet.png")
    from PIL import Image

    assert Image.open(tmp_path / "sheet.png").width == 8 * 64 * 2
    write_sheet(plan(tmp_path, objects=("car",)), tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_at_a_glance_an_object_has_a_line_with_its_colours_and_seeds_in_order(tmp_path):
    from PIL import Image

    jobs = plan(tmp_path, objects=("duck", "car"), colours=2, seeds=(0, 1))
    for index, job in enumerate(jobs[:-1]):
        job.path.mkdir(parents=True)
        pictures = np.zeros((8, 3, 4, 4), np.uint8)
        pictures[1] = 10 + index
        np.savez(job.path / "looks.npz", pictures=pictures)
    write_glance(jobs, tmp_path / "glance.png")
    values = np.asarray(Image.open(tmp_path / "glance.png"))[::4, ::4, 0]
    for line, name in zip(values, ("duck", "car"), strict=True):
        ofs = [(job.colour, job.spec.seed, 10 + index) for index, job in enumerate(jobs[:-1]) if job.name == name]
        wanted = [value for _, _, value in sorted(ofs)]
        assert line.tolist() == wanted + [255] * (4 - len(wanted))
    write_glance(jobs[-1:], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
