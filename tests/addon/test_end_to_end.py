"""The main job with the real engine and the built-in prior: a sentence and a rig become a Volume and a mesh.

The comparison of Cycles' pictures with the engine's proves cameras, transforms, density scale and
colours together.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.results.object_frame import domain_now
from sjc_blender.addon.rigs.rig import preview_camera
from sjc_blender.addon.rigs.rig_building import add_domain, add_orbit_rig
from sjc_blender.protocol import codec
from sjc_blender.protocol.model_profile import load_profile
from tests.addon.evaluated_call import domain_of, read

SIZE = 64
PROMPT = "a red mushroom"
QUICK = {
    "optimisation": {"steps": 150, "checkpoint_every": 50},
    "field": {"resolution": 48},
    "outputs": {"colour_views": 12},
}


@pytest.fixture(scope="module")
def made(engine_python, tmp_path_factory):
    """One job through the one API, in a scene whose domain is moved, turned and scaled."""
    folder = tmp_path_factory.mktemp("größe mit leerzeichen")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    sjc_blender.register()
    scene = bpy.context.scene
    domain = add_domain(scene)
    domain.matrix_world = Matrix.LocRotScale((3, -1, 2), Matrix.Rotation(0.6, 3, "Z"), (1.4, 1.4, 1.4))
    bpy.context.view_layer.update()
    rig = add_orbit_rig(scene, domain, orbit=load_profile("builtin").orbit)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    seen = []
    job = api.generate(
        PROMPT, rig=rig, domain=domain, overrides=QUICK, wait=True, progress=lambda j: seen.append(j.progress)
    )
    assert job.state == "done", job.error
    bpy.ops.wm.save_mainfile()
    yield job, scene, domain, seen
    sjc_blender.unregister()


def test_it_tells_its_progress_and_shows_previews(made):
    job, _, _, seen = made
    steps = [progress.step for progress in seen if progress]
    assert steps == sorted(steps)
    assert len(set(steps)) > 5
    assert steps[-1] == 150
    assert len(list(job.folder.previews.glob("*.png"))) >= 20


def test_the_results_stand_in_the_scene_with_their_history(made):
    job, scene, domain, _ = made
    volume, mesh = (scene.objects[name] for name in job.imported)
    assert (volume.type, mesh.type) == ("VOLUME", "MESH")
    assert volume.data.filepath.startswith("//")
    assert Path(bpy.path.abspath(volume.data.filepath)).exists()
    for obj in (volume, mesh):
        assert obj["sjc_prompt"] == PROMPT
        assert obj["sjc_seed"] == 0
        assert json.loads(obj["sjc_settings"])["optimisation"]["steps"] == 150
        assert np.allclose(domain_now(obj), domain.matrix_world, atol=1e-5)


def look(scene, domain):
    """A camera that no job has seen, off the centre and tilted."""
    camera = bpy.data.objects.new("Look", bpy.data.cameras.new("Look"))
    scene.collection.objects.link(camera)
    eye, aim = domain.matrix_world @ Vector((1.2, -1.9, 1.1)), domain.matrix_world @ Vector((0.05, 0, -0.05))
    turn = (aim - eye).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    camera.matrix_world = Matrix.Translation(eye) @ turn @ Matrix.Rotation(0.2, 4, "Z")
    camera.data.lens, camera.data.shift_x = 36, 0.03
    scene.camera = camera
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    bpy.context.view_layer.update()
    return read(preview_camera, domain_of(domain))


def by_engine(job, camera, engine_python, folder):
    (folder / "camera.json").write_text(json.dumps(codec.encode(camera)), encoding="utf-8")
    script = Path(__file__).with_name("engine_render.py")
    arguments = [job.folder.result / "field.npz", folder / "camera.json", SIZE, folder / "engine.npy"]
    subprocess.run([engine_python, script, *map(str, arguments)], check=True, timeout=120)
    return np.load(folder / "engine.npy")


def by_cycles(scene, shown, folder):
    for obj in scene.objects:
        obj.hide_render = obj is not shown and obj.type in {"VOLUME", "MESH"}
    render = scene.render
    render.engine, render.film_transparent = "CYCLES", True
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR", "32"
    scene.view_settings.view_transform = "Raw"
    scene.cycles.samples, scene.cycles.use_denoising = 16, False
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 1.0
    if hasattr(scene.cycles, "volume_biased"):
        scene.cycles.volume_biased = True
    render.filepath = str(folder / f"{shown.type}.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(render.filepath)
    return np.array(image.pixels[:]).reshape(SIZE, SIZE, 4)[::-1]


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def test_cycles_shows_what_the_engine_renders(made, engine_python, tmp_path):
    job, scene, domain, _ = made
    camera = look(scene, domain)
    ours = by_engine(job, camera, engine_python, tmp_path)
    volume, mesh = (by_cycles(scene, scene.objects[name], tmp_path) for name in job.imported)
    solid = ours[..., 3] > 0.5
    assert 0.05 < solid.mean() < 0.7
    psnr = -10 * np.log10(np.mean((volume[..., :3] - ours[..., :3]) ** 2))
    overlaps = [iou(picture[..., 3] > 0.5, solid) for picture in (volume, mesh)]
    print(f"PSNR {psnr:.1f} dB, silhouettes of the volume {overlaps[0]:.3f}, of the mesh {overlaps[1]:.3f}")
    assert psnr >= 25
    assert min(overlaps) >= 0.9


def test_the_saved_file_renders_in_a_blender_without_the_add_on(made, tmp_path):
    _job, scene, domain, _ = made
    look(scene, domain)
    bpy.ops.wm.save_mainfile()
    script = (
        "import bpy, sys; import numpy as np\n"
        "bpy.ops.wm.open_mainfile(filepath=sys.argv[1])\n"
        "assert not any(name.startswith('sjc_blender') for name in sys.modules)\n"
        "s = bpy.context.scene; s.render.engine = 'CYCLES'; s.cycles.samples = 1\n"
        "s.render.resolution_x = s.render.resolution_y = 24; s.render.film_transparent = True\n"
        "s.render.image_settings.file_format = 'PNG'; s.render.filepath = sys.argv[2]\n"
        "for o in s.objects: o.hide_render = o.type == 'MESH'\n"
        "bpy.ops.render.render(write_still=True)\n"
        "pixels = np.array(bpy.data.images.load(sys.argv[2]).pixels[:]).reshape(24, 24, 4)\n"
        "assert 0.03 < (pixels[..., 3] > 0.5).mean() < 0.8, pixels[..., 3].mean()\n"
    )
    picture = tmp_path / "plain.png"
    subprocess.run([sys.executable, "-c", script, bpy.data.filepath, str(picture)], check=True, timeout=300)
    assert picture.exists()


def test_a_killed_engine_is_told_at_once_and_its_job_goes_on_from_the_checkpoint(made, tmp_path):
    _, _scene, domain, _ = made
    slow = {**QUICK, "optimisation": {"steps": 100_000, "checkpoint_every": 5}}
    job = api.generate(PROMPT, domain=domain, overrides=slow, folder=tmp_path / "job", import_results=False)
    wait_until(lambda: job.folder.checkpoint.exists(), job)
    os.kill(api.QUEUE._process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    killed = time.monotonic()
    wait_until(lambda: not job.live, job)
    assert time.monotonic() - killed < 10  # two seconds where the machine has nothing else to do
    assert job.state == "failed"
    assert "resume" in job.error.hint
    again = api.resume(job.folder.path, import_results=False)
    wait_until(lambda: again.progress is not None, again)
    assert again.progress.step > 5
    api.cancel(again)
    wait_until(lambda: not again.live, again)
    assert again.state == "cancelled"


def wait_until(condition, job, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{job.state}, {job.progress}, {job.error}"
        pump.step()
        time.sleep(0.02)


def test_words_outside_the_vocabulary_are_refused_with_the_list_before_anything_starts(made):
    before = len(api.jobs())
    with pytest.raises(api.SjcError, match="mushroom") as error:
        api.generate("a golden dragon")
    assert error.value.code == "prompt_outside_vocabulary"
    assert len(api.jobs()) == before
