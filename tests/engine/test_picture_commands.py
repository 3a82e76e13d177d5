"""The commands ``presets``, ``render`` and ``video``, on a job that has been run."""

import json

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.commands import cli
from sjc_blender.engine.results.video import write_video
from sjc_blender.protocol import codec, presets
from sjc_blender.protocol.job_folder import JobFolder

CAMERAS = [orbit_camera(40.0 * k, 20.0, 3.0, 40.0, f"camera {k}") for k in range(3)]


@pytest.fixture(scope="module")
def finished(tiny_pipeline, tmp_path_factory):
    spec = presets.new_job(
        "a red chair",
        model=str(tiny_pipeline("v_prediction")),
        field={"resolution": 12},
        cameras={"kind": "cameras", "cameras": codec.encode(CAMERAS)},
        outputs={"colour_views": 4},
        optimisation={"steps": 3, "guidance_scale": 3.0, "emptiness_weight": 0},
    )
    folder = JobFolder.create(tmp_path_factory.mktemp("finished") / "job", spec)
    assert cli._work(folder, lambda event: None, lambda: False, restart=False) == cli.EXIT_OK
    return folder


def test_a_view_is_written_as_pictures_and_as_numbers(finished, tmp_path, capfd):
    out = tmp_path / "view"
    assert cli.main(["render", str(finished.path), "--size", "40", "--out", str(out)]) == cli.EXIT_OK
    names = ["rgb.png", "opacity.png", "depth.png", "normal.png", "view.npz"]
    assert capfd.readouterr().out.split() == [str(out / name) for name in names]
    modes = {name: Image.open(out / name).mode for name in names[:-1]}
    assert modes == {"rgb.png": "RGBA", "opacity.png": "L", "depth.png": "I;16", "normal.png": "RGB"}
    with np.load(out / "view.npz", allow_pickle=False) as view:
        assert {name: view[name].shape for name in ("rgb", "opacity", "depth", "normal", "pose", "window")} == {
            "rgb": (4, 40, 40),
            "opacity": (40, 40),
            "depth": (40, 40),
            "normal": (3, 40, 40),
            "pose": (4, 4),
            "window": (4,),
        }
        opacity, depth, normal = (view[name] for name in ("opacity", "depth", "normal"))
    assert opacity.max() > 0.1, "something is to be seen"
    assert np.abs(np.asarray(Image.open(out / "opacity.png")) / 255 - opacity).max() <= 0.5 / 255 + 1e-6
    assert np.abs(np.asarray(Image.open(out / "normal.png")) / 127.5 - 1 - np.moveaxis(normal, 0, -1)).max() < 0.005
    shown = np.asarray(Image.open(out / "depth.png")) > 0
    assert np.array_equal(shown, np.isfinite(depth))


@pytest.mark.parametrize("decoder", ["grid", "vae"])
def test_a_view_of_a_camera_of_the_job_is_that_of_the_same_camera_in_a_file(finished, tmp_path, decoder):
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps(codec.encode(CAMERAS[1:2])))
    pictures = []
    for camera, name in (("camera 1", "named"), (str(path), "file"), ("camera 2", "other")):
        arguments = ["--camera", camera, "--channels", "rgb", "--decoder", decoder, "--size", "32"]
        assert cli.main(["render", str(finished.path), *arguments, "--out", str(tmp_path / name)]) == cli.EXIT_OK
        pictures.append(np.asarray(Image.open(tmp_path / name / "rgb.png")))
        assert not (tmp_path / name / "depth.png").exists()
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    assert pictures[0].shape[-1] == (4 if decoder == "grid" else 3)


def frames_of(path):
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    return about["size"], [np.frombuffer(frame, np.uint8) for frame in reader]


@pytest.mark.parametrize("decoder", ["grid", "vae"])
def test_a_video_along_the_jobs_cameras_has_a_frame_each_with_its_depth_beside_it(finished, tmp_path, decoder):
    out = tmp_path / "film.mp4"
    arguments = ["--path", "cameras", "--size", "32", "--depth", "--decoder", decoder, "--out", str(out)]
    assert cli.main(["video", str(finished.path), *arguments]) == cli.EXIT_OK
    size, frames = frames_of(out)
    assert size == (64, 32)
    assert len(frames) == 3


def test_a_path_from_a_file_names_its_video(finished, tmp_path, capfd):
    path = tmp_path / "flight.json"
    path.write_text(json.dumps(codec.encode(CAMERAS)))
    assert cli.main(["video", str(finished.path), "--path", str(path), "--size", "32"]) == cli.EXIT_OK
    written = finished.result / "flight.mp4"
    assert capfd.readouterr().out.strip() == str(written)
    assert len(frames_of(written)[1]) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["render", "--out", "{out}", "--size", "0"], "0 pixels"),
        (["render", "--out", "{out}", "--channels", "rgb,heat"], "known are rgb"),
        (["render", "--out", "{out}", "--camera", "nobody"], "nobody"),
        (["render", "--out", "{out}", "--distance", "-1"], "--distance"),
        (["render", "--out", "{out}", "--field-of-view", "180"], "--field-of-view"),
        (["video", "--size", "33"], "even"),
        (["video", "--path", "elsewhere"], "spiral"),
        (["video", "--fps", "0"], "--fps"),
    ],
)
def test_bad_input_is_answered_in_a_sentence(finished, tmp_path, capfd, arguments, words):
    command, *options = (text.format(out=tmp_path / "out") for text in arguments)
    assert cli.main([command, str(finished.path), *options]) == cli.EXIT_FAILED
    shown = capfd.readouterr().err
    assert words in shown
    assert "Traceback" not in shown


def test_a_job_without_a_result_says_so(finished, tmp_path, capfd):
    folder = JobFolder.create(tmp_path / "new", finished.read_spec())
    for decoder, words in (("grid", "no finished field"), ("vae", "no checkpoint")):
        out = str(tmp_path / "out")
        assert cli.main(["render", str(folder.path), "--decoder", decoder, "--channels", "rgb", "--out", out]) == 1
        assert words in capfd.readouterr().err
    (folder.result / "field.npz").write_bytes(b"damaged")
    assert cli.main(["render", str(folder.path), "--out", out]) == cli.EXIT_FAILED
    assert "cannot be read" in capfd.readouterr().err


def test_a_video_that_is_broken_off_leaves_nothing(finished, monkeypatch, tmp_path, capfd):
    def interrupted(*_, **__):
        yield torch.zeros(3, 32, 32)
        raise KeyboardInterrupt

    monkeypatch.setattr("sjc_blender.engine.pictures.film.film", interrupted)
    out = tmp_path / "film.mp4"
    assert cli.main(["video", str(finished.path), "--size", "32", "--out", str(out)]) == cli.EXIT_CANCELLED
    assert "no result was written" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_frames_are_taken_one_by_one(tmp_path):
    alive = []

    def frames():
        for index in range(4):
            alive.append(index)
            yield torch.full((3, 32, 32), index / 4)

    write_video(tmp_path / "film.mp4", frames(), 24)
    assert alive == [0, 1, 2, 3]
    levels = [frame.mean() for frame in frames_of(tmp_path / "film.mp4")[1]]
    assert levels == pytest.approx([0, 64, 128, 191], abs=4)


def test_presets_are_listed_for_people_and_for_programs(capfd):
    assert cli.main(["presets"]) == cli.EXIT_OK
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 28
    assert any("zebra" in line and '"A photo of a zebra walking"' in line for line in lines)
    assert cli.main(["presets", "--json"]) == cli.EXIT_OK
    settings = json.loads(capfd.readouterr().out)
    assert settings["zebra"]["optimisation"]["learning_rate"] == 0.02
    assert settings["zebra"]["field"]["resolution"] == settings["paper"]["field"]["resolution"] == 100


def test_a_recipe_needs_no_prompt_and_its_settings_land_in_the_job_folder(tiny_pipeline, tmp_path):
    arguments = ["--preset", "rose", "--model", str(tiny_pipeline()), "--out", str(tmp_path / "rose")]
    small = ["optimisation.steps=1", "field.resolution=8", "outputs.colour_views=4", "optimisation.emptiness_weight=0"]
    cli.main(["generate", *arguments, *(part for change in small for part in ("--set", change))])
    job = json.loads((tmp_path / "rose" / "job.json").read_text())
    assert job["prompt"] == "a DSLR photo of a rose"
    assert (job["preset"], job["optimisation"]["depth_weight"], job["optimisation"]["steps"]) == ("rose", 50, 1)
