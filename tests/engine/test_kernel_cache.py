"""Compiled kernels that are kept on the disk: what is damaged is compiled again, and without them the engine works."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.fused import kernel_cache
from sjc_blender.engine.radiance.marcher import kernel_trouble, marches_fused
from sjc_blender.protocol.errors import SjcError
from tests.small_disk import fill, small_disk

pytest.importorskip("warp", reason="warp-lang has no build for this platform")

REPOSITORY = Path(__file__).resolve().parents[2]
RENDERS = """
import torch
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.marcher import kernel_trouble, marches_fused
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.cameras.viewpoints import orbit_camera
field = VoxelField((1, 1, 1), 8, 4, generator=torch.Generator().manual_seed(0))
image = render(field, camera_rays(orbit_camera(30, 20, 1.5, 60), 8, 8)).image
image.sum().backward()
print(marches_fused(field), kernel_trouble(field), image.sum().item(), sep="|")
"""


def rendered(cache):
    """Whether the kernels were used, why not, and a number that they have made; in a process of its own."""
    environ = os.environ | {"WARP_CACHE_PATH": str(cache), "PYTHONPATH": str(REPOSITORY)}
    told = subprocess.run([sys.executable, "-c", RENDERS], env=environ, capture_output=True, text=True, timeout=280)
    assert told.returncode == 0, told.stderr
    fused, trouble, number = told.stdout.strip().split("|")
    return fused == "True", trouble, float(number)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache with the kernels for four channels, and the number that they make."""
    cache = tmp_path_factory.mktemp("kernels") / "cache"
    fused, trouble, number = rendered(cache)
    assert fused and not trouble
    return cache, number


def truncated(length):
    return lambda file: os.truncate(file, length)


def wrong_bytes(file):
    content = bytearray(file.read_bytes())
    generator = random.Random(1)
    for _ in range(200):
        content[generator.randrange(64, len(content))] ^= 255
    file.write_bytes(content)


DAMAGES = {
    "object cut": (".o", truncated(1000)),
    "object empty": (".o", truncated(0)),
    "object with wrong bytes": (".o", wrong_bytes),
    "object gone": (".o", Path.unlink),
    "description broken": (".meta", lambda file: file.write_text("{")),
    "seal broken": (kernel_cache.SEAL, lambda file: file.write_text("[")),
    "compiler killed": (kernel_cache.SEAL, Path.unlink),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_compiled_again(kept, tmp_path, damage):
    cache, number = kept
    copy = Path(shutil.copytree(cache, tmp_path / "cache"))
    ending, spoil = DAMAGES[damage]
    files = list(copy.rglob(f"*{ending}"))
    assert files
    for file in files:
        spoil(file)
    assert rendered(copy) == (True, "", number)
    assert rendered(copy) == (True, "", number)


def test_kernels_that_are_whole_are_kept(kept):
    cache, number = kept
    before = {file: file.stat().st_mtime_ns for file in cache.rglob("*.o")}
    assert rendered(cache) == (True, "", number)
    assert {file: file.stat().st_mtime_ns for file in cache.rglob("*.o")} == before


def test_where_they_cannot_be_compiled_pytorch_takes_their_place(tmp_path, kept):
    blocked = tmp_path / "cache"
    blocked.write_text("a file where the folder should be")
    fused, trouble, number = rendered(blocked)
    assert not fused
    assert trouble
    assert number == pytest.approx(kept[1], rel=1e-4)


def test_a_full_disk_ends_no_process_and_keeps_what_is_compiled(tmp_path, kept):
    # Room for the sources and the beginning of the compiled kernels.
    with small_disk(tmp_path / "small", "80k") as disk:
        fused, trouble, number = rendered(disk)
        assert not fused
        assert "No space left on device" in trouble
        assert number == pytest.approx(kept[1], rel=1e-4)
    with small_disk(tmp_path / "full", "1m") as disk:
        shutil.copytree(kept[0], disk, dirs_exist_ok=True)
        fill(disk)
        assert rendered(disk) == (True, "", kept[1])


def test_who_insists_on_them_is_told_why_they_cannot_be_had(monkeypatch):
    monkeypatch.setattr("sjc_blender.engine.radiance.fused.compiled.trouble_with", lambda *_: "no space left on device")
    field = VoxelField((1, 1, 1), 4, 4)
    assert kernel_trouble(field) == "no space left on device"
    assert not marches_fused(field)
    with pytest.raises(SjcError, match="no space left on device") as caught:
        marches_fused(VoxelField((1, 1, 1), 4, 4, renderer="fused"))
    assert caught.value.code == "renderer_unavailable"
    assert kernel_trouble(VoxelField((1, 1, 1), 4, 4, renderer="torch")) == ""


def test_only_our_own_folders_are_thrown_away(tmp_path):
    for name in ("wp_sjc_march_0", "wp_other_0", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "wp_sjc_link").symlink_to(tmp_path / "elsewhere")
    kernel_cache.discard_damaged(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "mine", "wp_other_0", "wp_sjc_link"]
