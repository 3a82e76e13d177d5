"""Batches with an engine that needs no torch: judged as a whole, placed, and never made twice."""

import dataclasses
import inspect
import itertools
import os
import shutil
import signal
import threading

import bpy
import numpy as np
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.batch import plan
from sjc_blender.addon.batch.arrangement import tags
from sjc_blender.addon.batch.batch_fault import InvalidBatch
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.results.object_frame import domain_now
from sjc_blender.addon.results.origin import job_folder_of
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from tests.addon.jobs.checkpoints import write_checkpoint
from tests.addon.jobs.processes import until

PROMPTS = ["a red chair", "ein grüner Stuhl", "a blue duck"]


@pytest.fixture(autouse=True)
def engine(scene, fake_python, monkeypatch):
    """Let the fake engine be the engine."""
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))


@pytest.fixture
def batch(tmp_path):
    """Give `api.batch` with a model that knows every prompt, an object a job, and a folder of the test's own."""

    def make(source=PROMPTS, **options):
        settings = {"model": "some/model", "folder": tmp_path / "jobs", "wait": True, "tell": None, "outputs": "volume"}
        return api.batch(source, **settings | options)

    return make


def faults(function, *arguments, **options):
    with pytest.raises(InvalidBatch) as caught:
        function(*arguments, **options)
    return [(fault.row, fault.column) for fault in caught.value.faults], str(caught.value)


def forget(objects):
    for obj in objects:
        bpy.data.objects.remove(obj)


# ---- Made, placed, named ------------------------------------------------------------------------------------------


def test_what_is_not_chosen_is_both_outputs_as_for_a_single_job(addon, batch, scene):
    """The same in the API, in a batch, in the panel and on the command line."""
    taken = [inspect.signature(function).parameters["outputs"].default for function in (api.generate, api.batch)]
    assert taken == [api.OUTPUTS, api.OUTPUTS] and scene.sjc.outputs == api.OUTPUTS
    made = batch(["a red chair"], outputs=api.OUTPUTS)
    volume, mesh = made.results()
    assert (volume.type, mesh.type) == ("VOLUME", "MESH")
    assert volume.hide_render and not mesh.hide_render
    assert mesh.asset_data is not None and volume.asset_data is None


def test_prompts_times_seeds_are_placed_named_and_tagged(batch, scene):
    made = batch(seeds=(1, 2))
    assert set(made.states.values()) == {"done"} and len(made.states) == 6
    results = made.results()
    assert [obj.name for obj in results[:2]] == ["a red chair seed 1", "a red chair seed 2"]
    assert len({tuple(obj.location) for obj in results}) == 6
    assert results[1].location.x - results[0].location.x == pytest.approx(2.5)  # a domain of 2 m, and a quarter
    assert [obj["sjc_seed"] for obj in results] == [1, 2] * 3
    (collection,) = scene.collection.children
    assert collection.name == "SJC batch" and set(collection.objects) == set(results)
    assert not scene.collection.objects
    assert {tag.name for tag in results[2].asset_data.tags} == {"sjc", "volume", "ein", "grüner", "stuhl"}


def test_presets_and_rows_of_their_own(batch, scene):
    box = bpy.data.objects.new("Box", None)
    box.location = (7, 8, 9)
    scene.collection.objects.link(box)
    rows = [
        "a duck",
        {"prompt": "a cup", "seed": 5, "preset": "draft", "name": "Cup", "outputs": ["volume", "mesh"]},
        {"prompt": "a car", "domain": "Box", "preset": "paper", "optimisation.steps": 3, "field": {"resolution": 9}},
        {"prompt": "a bed", "preset": "draft", "seed": 1, "model.memory": "12GB"},
    ]
    made = batch(rows, presets=("draft", "standard"), seeds=(1, 2))
    specs = [entry.planned.spec for entry in made.entries]
    assert [(spec.prompt, spec.preset, spec.seed) for spec in specs] == [
        *(("a duck", preset, seed) for preset in ("draft", "standard") for seed in (1, 2)),
        ("a cup", "draft", 5),
        *(("a car", "paper", seed) for seed in (1, 2)),
        ("a bed", "draft", 1),
    ]
    assert (specs[-2].optimisation.steps, specs[-2].field.resolution) == (3, 9)
    assert [spec.model.memory for spec in specs[-2:]] == ["auto", "12GB"]
    assert {"Cup", "Cup volume"} <= {obj.name for obj in made.results()}
    assert domain_now(made.results()[-2]).translation[:] == (7, 8, 9)


def test_less_memory_makes_no_other_job(batch):
    made = batch(["a duck"])
    spec = made.entries[0].planned.spec
    thrifty = dataclasses.replace(spec, model=dataclasses.replace(spec.model, memory="6GB"))
    assert plan.identity(thrifty) == plan.identity(spec)
    assert plan.identity(dataclasses.replace(spec, seed=spec.seed + 1)) != plan.identity(spec)


def test_settings_of_the_whole_batch(batch):
    made = batch(["a duck"], overrides={"optimisation": {"steps": 4}}, outputs="mesh", place="row", assets=False)
    (obj,) = made.results()
    assert obj.type == "MESH" and obj.asset_data is None and obj.name == "a duck seed 0"
    assert made.entries[0].planned.spec.optimisation.steps == 4


def test_a_file_a_text_block_and_its_name(batch, tmp_path):
    path = tmp_path / "Möbel.csv"
    path.write_text("prompt,seed\na chair,1\n", encoding="utf-8")
    text = bpy.data.texts.new("ducks")
    text.write("a duck\n# not this\n")
    assert list(batch(path).states) and batch(str(path), start=False).name == "Möbel"
    for source in (text, "ducks"):
        made = batch(source, start=False)
        assert made.name == "ducks" and [entry.planned.spec.prompt for entry in made.entries] == ["a duck"]
    with pytest.raises(SjcError, match="no Text block of that name"):
        batch("nothing")


# ---- Never twice --------------------------------------------------------------------------------------------------


def test_a_second_call_does_nothing_and_says_so(batch):
    batch(seeds=(1, 2))
    told = []
    again = batch(seeds=(1, 2), tell=told.append)
    assert told == ["SJC batch 'batch': nothing to do, all 6 objects are made and in the scene."]
    assert len(api.jobs()) == 6 and len(again.results()) == 6
    # The camera of the previews and the place of the domain do not make it another object.
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location.z = 5
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    assert set(batch(seeds=(1, 2)).states.values()) == {"done"} and len(api.jobs()) == 6


def test_a_deleted_object_is_imported_again_to_its_place_and_not_made_again(batch):
    lost = batch(seeds=(1, 2)).results()[3]
    name, location = lost.name, lost.location[:]
    forget([lost])
    made = batch(seeds=(1, 2))
    assert len(api.jobs()) == 6
    assert (made.results()[3].name, made.results()[3].location[:]) == (name, location)
    assert len(made.results()) == 6


def test_a_deleted_folder_is_computed_again_and_the_object_kept(batch):
    made = batch()
    shutil.rmtree(made.entries[1].planned.folder)
    assert list(made.states.values()) == ["done", "missing", "done"]
    again = batch()
    assert len(api.jobs()) == 4 and api.jobs()[-1].folder.path == made.entries[1].planned.folder
    assert len(again.results()) == 3 and set(again.states.values()) == {"done"}


def test_a_broken_result_is_computed_again(batch):
    made = batch()
    forget(made.results()[:1])
    (made.entries[0].planned.folder / "result" / "field.npz").write_bytes(b"nothing")
    assert set(batch().states.values()) == {"done"}
    assert len(api.jobs()) == 4


def test_another_setting_is_another_job_where_a_row_has_no_name(batch):
    batch(["a duck"])
    batch(["a duck"], overrides={"optimisation": {"steps": 4}})
    assert len(api.jobs()) == 2 and len(bpy.context.scene.objects) == 2


def test_an_unsaved_files_jobs_are_found_when_it_is_saved(batch, tmp_path, monkeypatch):
    from sjc_blender.addon import job_location

    monkeypatch.setattr(job_location, "_user_folder", lambda: tmp_path / "user")
    batch(folder=None)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    batch(folder=None)
    assert len(api.jobs()) == 3


def test_seeds_of_a_cell_are_a_job_each(batch, tmp_path):
    path = tmp_path / "seeds.csv"
    path.write_text('prompt,seed,name\na chair,0-2,\na duck,"5, 9",\na cup,,\n')
    made = batch(path, seeds="3-4", start=False)
    pairs = [(entry.planned.spec.prompt, entry.planned.spec.seed) for entry in made.entries]
    wanted = {"a chair": (0, 1, 2), "a duck": (5, 9), "a cup": (3, 4)}
    assert pairs == [(prompt, seed) for prompt, seeds in wanted.items() for seed in seeds]


@pytest.mark.parametrize("seeds", ["0-", "one", "1,000"])
def test_seeds_in_words_are_asked_for_again(batch, seeds):
    with pytest.raises(SjcError, match="ranges such as") as caught:
        batch(["a chair"], seeds=seeds)
    assert caught.value.code == "bad_usage"


def test_what_is_no_list_is_refused_and_an_endless_one_is_cut(batch):
    for source in ({"prompt": "a chair"}, 3, None, b"a chair"):
        with pytest.raises(SjcError, match="A batch cannot be made of") as caught:
            batch(source)
        assert caught.value.code == "bad_usage"
    found, said = faults(batch, ({"prompt": f"a chair {n}"} for n in itertools.count()), start=False)
    assert found == [(None, "")] and "up to 10000 rows" in said
    assert "up to 10000 jobs" in faults(batch, ["a chair"], seeds=itertools.count(), start=False)[1]


@pytest.mark.parametrize(
    "folder",
    ["/tmp/elsewhere", "../elsewhere", "a/../../b", "~/x", "//x", "C:\\x", "..\\x", "a:b", "CON", "x.", ".", "x\0"],
)
def test_folders_of_rows_stay_inside_the_batchs(batch, folder):
    found, said = faults(batch, [{"prompt": "a chair", "folder": folder}], start=False)
    assert found == [(1, "folder")]
    assert "within the batch's folder" in said or "U+0000" in said


def test_folders_within_a_rows_folder_and_of_another_letter_case(batch, tmp_path):
    made = batch([{"prompt": "a chair", "folder": "chairs/red one"}], start=False)
    assert made.entries[0].planned.folder == tmp_path / "jobs" / "chairs" / "red one"
    rows = [{"prompt": "a chair", "folder": "Chair"}, {"prompt": "a duck", "folder": "chair"}]
    found, said = faults(batch, rows, start=False)
    assert found == [(2, "folder")] and "row 1 has it too" in said
    (tmp_path / "outside").mkdir()
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "way out").symlink_to(tmp_path / "outside")
    assert faults(batch, [{"prompt": "a chair", "folder": "way out/x"}], start=False)[0] == [(1, "folder")]


# ---- A row's name is its identity ----------------------------------------------------------------------------------


def hero(steps=3, **columns):
    return {"prompt": "a chair", "name": "hero", "outputs": ["mesh", "volume"], "optimisation.steps": steps} | columns


def test_a_changed_row_is_shown_by_the_same_object(batch, scene):
    (mesh, volume) = batch([hero(), "a duck"]).results()[:2]
    mesh, volume = sorted((mesh, volume), key=lambda obj: obj.type)
    shot = bpy.data.collections.new("Shot")
    shot.objects.link(mesh)
    before, jobs_before = mesh.data.name_full, {mesh["sjc_job"], volume["sjc_job"]}
    old_data = mesh.data
    mesh.location.x = 77  # somebody moves it
    made = batch([hero(4), "a duck"])
    assert set(made.states.values()) == {"done"}
    assert {obj.name for obj in scene.objects} == {"hero", "hero volume", "a duck seed 0"}
    assert {mesh["sjc_job"], volume["sjc_job"]} == {made.entries[0].planned.folder.name} != jobs_before
    assert mesh.name == "hero" and mesh.data.name == before and list(shot.objects) == [mesh]
    assert mesh.location.x == 77 and volume.location.x != 77
    assert old_data not in list(bpy.data.meshes) and not mesh.hide_viewport and volume.hide_viewport
    assert mesh.asset_data is not None and made.stale == []
    again = batch([hero(3), "a duck"])  # back: from its folder, without computing
    assert len(api.jobs()) == 3 and mesh["sjc_job"] == again.entries[0].planned.folder.name


def test_a_row_that_was_not_moved_goes_where_its_row_says(batch, scene):
    for name, x in (("Here", 3), ("There", 9)):
        box = bpy.data.objects.new(name, None)
        box.location.x = x
        scene.collection.objects.link(box)
    (obj,) = batch([hero(outputs="mesh", domain="Here")]).results()
    before = obj.location.x
    assert batch([hero(4, outputs="mesh", domain="There")]).results() == [obj]
    assert obj.location.x == pytest.approx(before + 6)


def test_versions_stay_on_request(batch, scene):
    for steps in (3, 4, 5):
        made = batch([hero(steps, outputs="mesh")], versions=True)
    names = {obj.name: obj.hide_render for obj in scene.objects}
    assert names == {"hero": True, "hero_v002": True, "hero_v003": False}
    assert made.stale == [] and [obj.name for obj in made.results()] == ["hero_v003"]


def test_what_the_list_does_not_have_any_more_is_told_and_removed_on_request(batch, scene):
    batch([hero(), "a duck", "a cup"])
    other = bpy.data.objects.new("mine", None)
    scene.collection.objects.link(other)
    made = batch(["a cup"])
    assert {obj.name for obj in made.stale} == {"hero", "hero volume", "a duck seed 0"}
    assert "not in the list any more" in str(made) and len(scene.objects) == 5
    batch(["a cup"], prune=True)
    assert {obj.name for obj in scene.objects} == {"a cup seed 0", "mine"}
    assert len([path for path in made.entries[0].planned.folder.parent.iterdir() if path.is_dir()]) == 3


def test_a_name_is_of_one_row_and_seeds_tell_its_jobs_apart(batch):
    assert faults(batch, [hero(), hero(4)], start=False)[0] == [(2, "name")]
    made = batch([hero(seed="1-2")], presets=("draft", "standard"), start=False)
    names = [entry.planned.name for entry in made.entries]
    assert names == [f"hero {preset} seed {seed}" for preset in ("draft", "standard") for seed in (1, 2)]


# ---- Several sessions ----------------------------------------------------------------------------------------------


def test_a_job_that_another_session_makes_is_waited_for_and_imported(batch, fake_python):
    rows = [{"prompt": "a chair", "negative_prompt": "two_sessions"}, "a duck"]
    planned = batch(rows, start=False).entries[0].planned
    folder = JobFolder.create(planned.folder, planned.spec)
    elsewhere = folder.claim()
    made = batch(rows, wait=False)
    until(lambda: pump.step() or made.entries[1].job.imported)
    assert list(made.states.values()) == ["busy elsewhere", "done"]
    write_result_into(folder, fake_python)
    elsewhere.release()
    made.wait()
    assert list(made.states.values()) == ["done", "done"]
    assert "optimising" not in made.entries[0].job.phase  # it was not computed again


def test_a_job_that_another_session_left_is_made(batch):
    planned = batch(["a chair"], start=False).entries[0].planned
    elsewhere = JobFolder.create(planned.folder, planned.spec).claim()
    made = batch(["a chair"], wait=False)
    until(lambda: pump.step() or list(made.states.values()) == ["busy elsewhere"])
    elsewhere.release()
    made.wait()
    assert list(made.states.values()) == ["done"]


def write_result_into(folder, fake_python):
    shutil.copytree(fake_python.parent / "result", folder.result, dirs_exist_ok=True)
    folder.metrics.write_text("{}")


# ---- Faults -------------------------------------------------------------------------------------------------------


def test_every_fault_is_listed_with_its_row_and_column_and_nothing_starts(batch, tmp_path):
    text = bpy.data.texts.new("jobs.csv")
    text.write(
        "prompt,seed,preset,rig,domain,optimisation.steps,field.resolution,outputs,colour\n"
        "a chair,-1,hasty,,,0,,,\n"
        ",three,,Nobody,,many,4,,\n"
        "a duck,,,,Nothing,,,statue,red\n"
        "a duck,1,,,,,,,\n"
        "a duck,1,,,,,,,\n"
    )
    found, said = faults(batch, text)
    assert found == [
        (1, "colour"),
        (2, "preset"),
        (2, "seed"),
        (2, "optimisation.steps"),
        (3, "seed"),  # of form first
        (3, "optimisation.steps"),
        (3, "prompt"),
        (3, "rig"),
        (3, "field.resolution"),
        (4, "outputs"),
        (4, "domain"),
        (6, ""),
    ]
    for allowed in (
        "draft, standard, high, paper",
        "0 or a positive",
        "1 to 1000000",
        "volume or mesh",
        "row 5 is the same",
    ):
        assert allowed in said
    assert not api.jobs() and not (tmp_path / "jobs").exists()


def test_a_fault_of_the_whole_batch_is_told_once(batch):
    found, said = faults(batch, seeds=(1, -2), overrides={"optimisation": {"steps": 0}})
    assert found == [(None, "optimisation.steps"), (None, "seed")]
    assert "every row, column seed: -2" in said


def test_words_that_the_model_does_not_know_are_a_fault_of_the_prompt(batch):
    found, said = faults(batch, ["a red chair", "a red dragon"], model="builtin")
    assert found == [(2, "prompt")] and "'dragon'" in said


def test_two_jobs_cannot_share_a_folder(batch, tmp_path):
    found, _ = faults(batch, [{"prompt": "a duck", "folder": "x"}, {"prompt": "a cup", "folder": "x"}])
    assert found == [(2, "folder")]
    batch([{"prompt": "a duck", "folder": "x"}])
    found, _ = faults(batch, [{"prompt": "a cup", "folder": "x"}])
    assert found == [(1, "folder")]
    assert (tmp_path / "jobs" / "x" / "job.json").is_file()


@pytest.mark.parametrize("options", [{"seeds": ()}, {"source": []}])
def test_nothing_to_make_is_a_fault(batch, options):
    assert len(faults(batch, **options)[0]) == 1


def test_a_place_that_there_is_not(batch):
    with pytest.raises(SjcError, match="grid, row, domain"):
        batch(place="circle")


# ---- On the way ---------------------------------------------------------------------------------------------------


def test_the_others_go_on_when_one_fails_and_retry_runs_it_again(batch):
    rows = [{"prompt": prompt, "negative_prompt": way} for prompt, way in zip(PROMPTS, ("", "error", ""), strict=True)]
    made = batch(rows)
    assert list(made.states.values()) == ["done", "failed", "done"]
    (error,) = made.errors.values()
    assert error.code == "unknown_model"
    assert "There is no such model" in str(made) and "2 done, 1 failed" in str(made)
    assert made.retry() == "SJC batch 'batch': 1 of 3 jobs to run."
    made.wait()
    assert len(api.jobs()) == 4


def test_cancel_stops_what_runs_and_what_waits_and_retry_goes_on(batch):
    made = batch(negative_prompt="patient", wait=False)
    until(lambda: pump.step() or made.entries[0].job.progress)
    assert list(made.states.values()) == ["running", "queued", "queued"]
    assert made.headline.endswith("of 3 jobs 1 running, 2 queued.") and "/10000" in str(made)
    made.cancel()
    made.wait()
    assert list(made.states.values()) == ["cancelled"] * 3
    made.retry()
    assert list(made.states.values()) == ["queued"] * 3
    made.cancel(now=True)
    made.wait()


def test_ctrl_c_cancels_the_whole_batch(batch):
    def press():
        until(lambda: any(job.progress for job in api.QUEUE.jobs))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    made = batch(negative_prompt="patient")
    thread.join()
    assert list(made.states.values()) == ["cancelled"] * 3


def test_a_second_call_watches_the_jobs_that_run_already(batch):
    first = batch(negative_prompt="patient", wait=False)
    second = batch(negative_prompt="patient", wait=False)
    assert len(api.jobs()) == 3
    second.cancel(now=True)
    second.wait()
    assert {entry.job.state for entry in first.entries} == {JobState.CANCELLED}


def test_no_engine_starts_nothing(batch, tmp_path):
    with pytest.raises(SjcError, match="does not exist"):
        batch(engine_python="/no/python")
    assert not api.jobs() and not (tmp_path / "jobs").exists()


def test_the_table_stands_straight(batch):
    lines = str(batch(start=False)).splitlines()
    assert len(lines) == 2 + len(PROMPTS)
    assert len({line.index("seed 0") - len(prompt) for line, prompt in zip(lines[2:], PROMPTS, strict=True)}) == 1


def test_another_file_is_no_place_for_the_results(batch):
    made = batch(start=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with pytest.raises(SjcError, match="'Scene' of a file that was never saved"):
        made.start()


def test_tags_are_words():
    assert tags("A red chair, a RED cat's bed") == ["red", "chair", "cat", "bed"]


# ---- Shapes to keep to, and finished objects edited ---------------------------------------------------------------


def block(scene, name="Block", size=1.0):
    bpy.ops.mesh.primitive_cube_add(size=size, location=(0, 0, 1))
    bpy.context.object.name = name
    return bpy.context.object


def test_rows_and_the_batch_itself_have_proxies(batch, scene):
    block(scene), block(scene, "Large", 1.5)
    rows = [{"prompt": "a"}, {"prompt": "b", "proxy": "Large", "looseness": 0.3}]
    made = batch(rows, proxy="Block", overrides={"field": {"resolution": 16}})
    shares = []
    for entry, looseness in zip(made.entries, (0.1, 0.3), strict=True):
        assert entry.planned.spec.field.proxy.looseness == looseness
        with np.load(JobFolder(entry.planned.folder).proxy) as arrays:
            shares.append(arrays["occupancy"].mean())
    assert shares == [pytest.approx(1 / 8), pytest.approx(1.5**3 / 8)]


def test_a_row_edits_a_finished_object_where_it_stands(batch, scene):
    (chair,) = batch(["a chair"], seeds=7, overrides={"optimisation": {"steps": 33}}).results()
    folder = job_folder_of(chair)
    write_checkpoint(folder)
    chair.location.x = 5
    block(scene, "Region").location.x = 5
    bpy.context.view_layer.update()
    row = {"prompt": "a round chair", "edit": "a chair seed 7", "region": "Region", "outputs": ["volume"]}
    made = batch([row, {**row, "seed": 3, "region": "Region"}], seeds=(1, 2), name="edits", start=False)
    assert [entry.planned.spec.seed for entry in made.entries] == [1, 2, 3]
    made.start()
    made.wait()
    assert set(made.states.values()) == {"done"}
    for entry in made.entries:
        spec, lies = entry.planned.spec, JobFolder(entry.planned.folder)
        assert spec.optimisation.steps == 33 and spec.field.origin.region
        assert lies.origin.is_file() and lies.region.is_file()
    assert {obj.location.x for obj in made.results()} == {5.0}


def test_what_is_wrong_with_a_proxy_or_an_edit_is_a_fault_of_its_column(batch, tmp_path):
    rows = [
        {"prompt": "a", "proxy": "Nothing"},
        {"prompt": "b", "edit": str(tmp_path / "gone"), "rig": "Views"},
        {"prompt": "c", "proxy": "Nothing", "looseness": 2},
    ]
    found, told = faults(batch, rows)
    assert set(found) >= {(1, "proxy"), (2, "edit"), (2, "rig"), (3, "looseness")}
    assert "There is no object or collection 'Nothing'" in told


def test_each_job_knows_where_its_result_will_stand(batch, scene):
    made = batch(["a duck", "a cup"], start=False)
    made.start()
    assert [entry.job.way for entry in made.entries] == [entry.way for entry in made.entries]
    made.wait()
    assert made.entries[1].way != (0.0, 0.0)
    results = [domain_now(obj).translation for obj in made.results()]
    assert tuple(results[1] - results[0])[:2] == pytest.approx(made.entries[1].way)


def test_a_job_with_mesh_and_volume_is_one_asset(batch, scene):
    made = batch(["a duck"], outputs=("volume", "mesh"))
    volume, mesh = made.results()
    assert volume.asset_data is None
    assert {"mesh", "duck"} <= {tag.name for tag in mesh.asset_data.tags}
    assert (volume.hide_render, mesh.hide_render) == (True, False)
    assert (mesh.name, volume.name) == ("a duck seed 0", "a duck seed 0 volume")
