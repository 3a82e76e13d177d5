"""States of the sidebar that the manual shows, each brought about in a windowed Blender; writes what is seen.

``scripts/screenshots.sh`` runs it after `first_object`, for the same user, with the name of a session in SJC_SESSION:
each begins in a Blender of its own, because one ends in the middle of a job that the next one offers to resume.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo.window import api, click, open_tab, page, part, played, shot, sidebar, sidebar_shot, switched_on, until

STEPS = 1500
"""Of the jobs in line, so that none ends while it is looked at."""

PICTURE_MODELS = ("stable-diffusion-v1-5/stable-diffusion-v1-5", "bennyguo/zero123-xl-diffusers")


def opened(*turned: str) -> Iterator[float]:
    """Switch the extension on, make room, and open the tab."""
    switched_on(*turned)
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    yield from open_tab()


def ready(*turned: str) -> Iterator[float]:
    """Open the tab, and wait for the engine."""
    yield from opened(*turned)
    yield from until(lambda: api().engine_state().interpreter is not None, "the engine is found")


def queue() -> Iterator[float]:
    """Three jobs in line, the first one paused; Blender ends with it."""
    yield from ready()
    jobs = [
        api().generate(prompt, preset="draft", seed=seed, overrides={"optimisation": {"steps": STEPS}})
        for seed, prompt in enumerate(("a red chair", "a yellow duck", "a blue mug"))
    ]
    settings: Any = bpy.context.scene.sjc  # type: ignore[attr-defined]
    settings.prompt, settings.preset, settings.seed = "a blue mug", "draft", 2
    first = jobs[0]
    yield from until(lambda: first.speed_known and first.progress.step > STEPS / 4, "the first one has a shape")
    yield from sidebar_shot("queue")
    yield from click("sjc.pause")
    yield from until(lambda: str(first.state) == "paused" and first.folder.checkpoint.is_file(), "it holds still")
    yield from sidebar_shot("paused")


def states() -> Iterator[float]:
    """What an earlier session left, what is refused, and a result."""
    yield from ready()
    settings: Any = bpy.context.scene.sjc  # type: ignore[attr-defined]
    yield from until(lambda: api().interrupted(), "the earlier jobs are known")
    yield from sidebar_shot("interrupted")
    for record in api().interrupted():
        api().delete_job(record)
    settings.prompt = "a red dragon"
    yield from click("sjc.generate")
    yield from sidebar_shot("panel-error")
    yield from faults(settings)
    yield from result(finished())


def finished() -> Path:
    """Give the folder of the job that `first_object` has made."""
    return next(record.folder.path for record in api().history() if str(record.state) == "done")  # type: ignore[no-any-return]


def history() -> Iterator[float]:
    """The history, its finished job chosen."""
    yield from ready("SJC_PT_history", "SJC_PT_main")
    session: Any = bpy.context.window_manager.sjc  # type: ignore[attr-defined]
    yield from until(lambda: session.history, "the history is read")
    session.history_index = [entry.name for entry in session.history].index(str(finished()))
    yield from sidebar_shot("history")


def faults(settings: Any) -> Iterator[float]:
    """Settings with which no job starts."""
    settings.prompt = "a red chair"
    settings.rig, settings.cameras = "CAMERAS", bpy.data.collections.new("Empty Rig")
    yield from click("sjc.generate")
    yield from sidebar_shot("fault-1")
    settings.rig = "ORBIT"
    bpy.ops.mesh.primitive_plane_add()
    settings.domain = bpy.context.object
    yield from click("sjc.generate")
    yield from sidebar_shot("fault-2")
    settings.domain = None
    bpy.data.objects.remove(bpy.context.object)
    settings.model_kind, settings.model_source = "OWN", "/home/artist/models/sd15"
    yield from click("sjc.generate")
    yield from until(lambda: api().jobs() and not api().jobs()[-1].live, "the engine has looked for it")
    yield from sidebar_shot("fault-3")
    settings.model_kind = "BUILTIN"
    yield from until(lambda: api().clear() or not api().jobs(), "it is off the list")


def result(job: Path) -> Iterator[float]:
    """The panel of a result, and the result in its colours."""
    (mesh,) = api().import_result(job, outputs="mesh")
    bpy.context.window_manager.sjc.colours = True  # type: ignore[attr-defined]
    bpy.context.view_layer.objects.active = mesh
    mesh.select_set(True)
    _window, area, _region = sidebar()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        bpy.ops.view3d.view_selected()
        bpy.ops.view3d.zoom(delta=-2)
    yield 2.0
    shot("result-panel")


def rig() -> Iterator[float]:
    """A rig that does not see the back."""
    yield from ready("SJC_PT_viewpoints")
    settings: Any = bpy.context.scene.sjc  # type: ignore[attr-defined]
    settings.prompt = "a red chair"
    bpy.ops.sjc.add_rig("EXEC_DEFAULT", count=9)
    for camera in [camera for camera in settings.cameras.all_objects if camera.location.y > 0]:
        bpy.data.objects.remove(camera)
    bpy.context.window_manager.sjc_show_coverage = True  # type: ignore[attr-defined]
    yield 3.0
    shot("rig")


def models_listed() -> bool:
    """Whether the engine has said which models are on this computer."""
    return len(api().models(wait=False)) > 1 and not part("models.model_library").LIBRARY.at_work


def models() -> Iterator[float]:
    """The list of models, and one that is to be downloaded."""
    yield from ready("SJC_PT_model")
    settings: Any = bpy.context.scene.sjc  # type: ignore[attr-defined]
    settings.prompt = "a red chair"
    yield from until(models_listed, "the models are listed")
    yield from sidebar_shot("models-1")
    settings.model_kind, settings.model_id = "HUB", "stable-diffusion-v1-5/stable-diffusion-v1-5"
    yield from sidebar_shot("models-2")


def pictures() -> Iterator[float]:
    """The settings of a picture beside the prompt, and of one that becomes an object."""
    yield from ready("SJC_PT_model")
    settings: Any = bpy.context.scene.sjc  # type: ignore[attr-defined]
    settings.prompt = "a red chair"
    yield from until(models_listed, "the models are listed")
    settings.picture = bpy.data.images.load(str(max((finished() / "previews").glob("*.png"))))
    settings.picture.name = "Chair"
    settings.picture_adapter = "/models/IP-Adapter/models/ip-adapter_sd15.safetensors"
    for number, model in enumerate(PICTURE_MODELS, 1):
        settings.model_kind, settings.model_id = "HUB", model
        yield from page("Next")
        yield from sidebar_shot(f"pictures-{number}")


def setup() -> Iterator[float]:
    """No engine yet; one that is being set up, and cannot be."""
    bpy.context.preferences.system.use_online_access = True
    yield from opened()
    yield from until(lambda: str(api().engine_state().status) == "missing", "it is known that there is no engine")
    yield from sidebar_shot("setup-needed")
    yield from click("sjc.set_up_engine")
    yield from until(lambda: api().engine_state().stage is not None, "it begins", 60)
    yield from sidebar_shot("setup-installing")
    yield from until(lambda: api().engine_state().failure is not None, "it fails")
    yield from sidebar_shot("setup-failed")


SESSIONS = {function.__name__: function for function in (queue, states, history, rig, models, pictures, setup)}
played(SESSIONS[os.environ["SJC_SESSION"]]())
