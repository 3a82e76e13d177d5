"""What Cycles shows of a result is what the job's own cameras see: frames, scale, density and colour in one."""

import json
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.rigs.rig import preview_camera
from sjc_blender.protocol import codec
from sjc_blender.protocol.spec import JobSpec
from tests.addon.evaluated_call import domain_of, read

SIZE = 48  # pixels of the centred square
HALF_EXTENTS = np.array([1.0, 0.75, 0.5])
VOXELS = (24, 18, 12)
VOXEL = 2 / 24
MOVED = Matrix.LocRotScale((-4, 2, 1), Euler((0.9, 0.1, -0.4)), (1.7, 1.7, 1.7))


@pytest.fixture
def domain(scene):
    """Give the spec of a box that is moved, turned, and scaled unevenly."""
    empty = bpy.data.objects.new("Domain", None)
    scene.collection.objects.link(empty)
    empty.empty_display_size = 2
    empty.matrix_world = Matrix.LocRotScale((5, -3, 2), Euler((0.5, -0.3, 0.8)), (1.2, 0.9, 0.6))
    bpy.context.view_layer.update()
    return domain_of(empty)


@pytest.fixture
def camera(scene, domain):
    """Look at the box from its front left and above, off the picture's centre, in a wide picture."""
    obj = bpy.data.objects.new("View", bpy.data.cameras.new("View"))
    scene.collection.objects.link(obj)
    place = Matrix(domain.matrix_world)
    eye, aim = place @ Vector((-1.1, -1.9, 1.3)), place @ Vector((0, 0, 0))
    turn = (aim - eye).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    obj.matrix_world = Matrix.Translation(eye) @ turn @ Matrix.Rotation(0.3, 4, "Z")
    obj.data.lens, obj.data.shift_x, obj.data.shift_y = 34, 0.04, -0.03
    scene.camera = obj
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = SIZE + 16, SIZE
    render.film_transparent = True
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_depth = "32"
    scene.view_settings.view_transform = "Raw"
    scene.cycles.samples = 8
    scene.cycles.use_denoising = False
    scene.cycles.pixel_filter_type = "BOX"
    scene.cycles.filter_width = 1.0
    if hasattr(scene.cycles, "volume_biased"):
        scene.cycles.volume_biased = True  # 5.2's unbiased marching is ten times slower
    return obj


def coloured_blobs():
    """Three blobs of three colours, different along each axis; nothing near the walls."""
    axes = [(np.arange(n) + 0.5) * VOXEL - h for n, h in zip(VOXELS, HALF_EXTENTS, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    density, rgb = np.zeros(VOXELS), np.zeros((*VOXELS, 3))
    for centre, radius, strength, colour in (
        ((0.5, 0.1, 0.0), 0.3, 14.0, (0.9, 0.1, 0.05)),
        ((-0.2, 0.35, 0.1), 0.2, 9.0, (0.05, 0.7, 0.1)),
        ((-0.45, -0.3, -0.1), 0.25, 6.0, (0.1, 0.2, 0.8)),
    ):
        inside = np.clip(1 - np.linalg.norm(points - centre, axis=-1) / radius, 0, None)
        density += strength * np.minimum(2 * inside, 1)
        rgb += inside[..., None] * colour
    rgb /= np.maximum(rgb.max(axis=-1, keepdims=True), 1e-3)
    return {
        "density": density.astype(np.float32),
        "rgb": rgb.astype(np.float32),
        "half_extents": HALF_EXTENTS,
        "voxel_size": np.float64(VOXEL),
        "matrix_world": np.eye(4),
        "version": np.int64(1),
    }


def pixel_rays(camera, samples=2):
    """Origins and unit directions [SIZE samples, SIZE samples, 3], row 0 at the top, in domain units."""
    left, right, bottom, top = camera.window
    steps = (np.arange(SIZE * samples) + 0.5) / (SIZE * samples)
    x, y = np.meshgrid(left + (right - left) * steps, top + (bottom - top) * steps)
    pose = np.array(camera.pose)
    directions = np.stack([x, y, -np.ones_like(x)], axis=-1) @ pose[:3, :3].T
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.broadcast_to(pose[:3, 3], directions.shape), directions


def march(field, camera, step=VOXEL / 3):
    """Emission and absorption along each ray, Eq. 7 and 8 of the paper: RGB and opacity [SIZE, SIZE]."""
    origins, directions = pixel_rays(camera)
    colour, transmitted = np.zeros(directions.shape), np.ones(directions.shape[:2])
    for distance in np.arange(0.5, 4.5, step):
        density, rgb = look_up(field, origins + directions * (distance + step / 2))
        alpha = 1 - np.exp(-density * step)
        colour += (transmitted * alpha)[..., None] * rgb
        transmitted *= 1 - alpha
    picture = np.concatenate([colour, 1 - transmitted[..., None]], axis=-1)
    return picture.reshape(SIZE, 2, SIZE, 2, 4).mean(axis=(1, 3))


def look_up(field, points):
    """Trilinear values of density and colour, 0 outside."""
    shape = np.array(field["density"].shape)
    position = (points + HALF_EXTENTS) / VOXEL - 0.5
    low = np.floor(position).astype(int)
    share = position - low
    density, rgb = np.zeros(points.shape[:-1]), np.zeros(points.shape)
    for corner in np.ndindex(2, 2, 2):
        index = low + corner
        weight = np.where(np.array(corner) == 1, share, 1 - share).prod(axis=-1)
        weight = weight * ((index >= 0) & (index < shape)).all(axis=-1)
        i, j, k = np.clip(index, 0, shape - 1).reshape(-1, 3).T
        density += weight * field["density"][i, j, k].reshape(density.shape)
        rgb += weight[..., None] * field["rgb"][i, j, k].reshape(rgb.shape)
    return density, rgb


def rendered(scene, tmp_path):
    """RGBA [SIZE, SIZE, 4], row 0 at the top, of the centred square of what Cycles renders."""
    path = tmp_path / "picture.exr"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)[::-1]
    margin = (image.size[0] - SIZE) // 2
    return pixels[:, margin : margin + SIZE]


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


@pytest.mark.parametrize("moved_later", [False, True])
def test_the_volume_looks_as_the_field_is(scene, domain, camera, finished_job, tmp_path, moved_later):
    field = coloured_blobs()
    obj = import_volume(finished_job(JobSpec("blobs", domain=domain), field=field), scene)
    view = read(preview_camera, domain)
    assert view is not None
    if moved_later:
        # Whoever moves, turns and enlarges a result and the camera together sees no difference.
        bpy.context.view_layer.update()
        obj.matrix_world = MOVED @ obj.matrix_world
        camera.matrix_world = MOVED @ camera.matrix_world
    theirs, ours = rendered(scene, tmp_path), march(field, view)
    psnr = -10 * np.log10(np.mean((theirs - ours) ** 2))
    assert ours[..., 3].max() > 0.9
    assert psnr >= 35
    assert iou(theirs[..., 3] > 0.3, ours[..., 3] > 0.3) >= 0.95


def test_the_meshs_silhouette_is_the_one_its_cameras_see(scene, domain, camera, finished_job, tmp_path):
    vertices = np.float32([[0.9, 0, 0], [-0.5, 0.5, 0], [-0.3, -0.6, -0.1], [0, 0, 0.45], [0.1, 0.1, -0.4]])
    faces = np.int32([[0, 1, 3], [1, 2, 3], [2, 0, 3], [1, 0, 4], [2, 1, 4], [0, 2, 4]])
    arrays = {
        "vertices": vertices,
        "faces": faces,
        "normals": vertices / np.linalg.norm(vertices, axis=1, keepdims=True),
        "colours": np.ones_like(vertices),
    }
    import_mesh(finished_job(JobSpec("a shape", domain=domain), mesh=arrays), scene)
    view = read(preview_camera, domain)
    origins, directions = pixel_rays(view, samples=1)
    hit = np.zeros(directions.shape[:2], bool)
    for a, b, c in vertices[faces].astype(float):
        # A ray meets a triangle where the three edges turn the same way about it.
        turns = [
            np.einsum("...i,...i", directions, np.cross(p - origins, q - origins)) for p, q in ((a, b), (b, c), (c, a))
        ]
        hit |= (np.min(turns, axis=0) >= 0) | (np.max(turns, axis=0) <= 0)
    theirs = rendered(scene, tmp_path)
    assert 0.05 < hit.mean() < 0.6
    assert iou(theirs[..., 3] > 0.5, hit) >= 0.95


def test_a_box_has_the_outline_in_cycles_that_it_has_in_the_engine(scene, domain, camera, engine_python, tmp_path):
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.context.object.matrix_world = Matrix(domain.matrix_world) @ Matrix.Diagonal((*domain.half_extents, 1))
    scene.cycles.samples, camera.data.lens = 64, 20
    bpy.context.view_layer.update()
    view = read(preview_camera, domain)
    # A field that is opaque to its border; of its box the renderer asks no more than the half extents.
    field = {"density": np.full((6, 5, 4), 1e4, np.float32), "rgb": np.ones((6, 5, 4, 3), np.float32)}
    np.savez(tmp_path / "field.npz", **field, half_extents=np.array(domain.half_extents))
    (tmp_path / "camera.json").write_text(json.dumps(codec.encode(view)), encoding="utf-8")
    arguments = [tmp_path / "field.npz", tmp_path / "camera.json", SIZE, tmp_path / "ours.npy"]
    script = Path(__file__).with_name("engine_render.py")
    subprocess.run([engine_python, script, *map(str, arguments)], check=True, timeout=120)
    ours, theirs = np.load(tmp_path / "ours.npy")[..., 3], rendered(scene, tmp_path)[..., 3]
    assert 0.1 < ours.mean() < 0.7
    # Of areas, pixels at the rim counted by their share.
    assert np.minimum(ours, theirs).sum() / np.maximum(ours, theirs).sum() > 0.99
