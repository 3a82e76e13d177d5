"""``transforms.json`` of other tools: read to the right rays, or refused by name."""

import dataclasses
import json
import math
import os
import random
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.fitting.posed_pictures import pictures_of_the_box, read_pictures
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.reference_views import ReferenceView, ReferenceViews
from sjc_blender.protocol.spec import DomainSpec
from sjc_blender.protocol.transforms_json import transforms_json

POINT = np.array([0.3, -0.2, 0.25])
"""In world units; a bright spot in every picture."""

WIDTH, HEIGHT = 96, 64
OPENCV = {"k1": -0.12, "k2": 0.03, "p1": 0.01, "p2": -0.008, "k3": 0.002}


def world_camera(azimuth, elevation=20.0, distance=3.0):
    return np.array(orbit_camera(azimuth, elevation, distance, 40.0).pose)


def pixel_of(point, matrix, lens):
    """Where OpenCV's camera model puts a point: the formula of its documentation, in pixels from the top left."""
    x, y, z, _ = np.linalg.inv(matrix) @ [*point, 1]
    x, y = x / -z, -y / -z  # OpenCV looks along +Z, with y down
    r2 = x * x + y * y
    k1, k2, k3, p1, p2 = (lens.get(name, 0.0) for name in ("k1", "k2", "k3", "p1", "p2"))
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return lens["fl_x"] * xd + lens["cx"], lens["fl_y"] * yd + lens["cy"]


def spot(u, v, width=WIDTH, height=HEIGHT, scale=1.0):
    """A picture with a soft bright spot around a place given in pixels of the full size."""
    y, x = np.mgrid[:height, :width]
    distance2 = ((x + 0.5) / scale - u) ** 2 + ((y + 0.5) / scale - v) ** 2
    return (np.exp(-distance2 / 2 / 2.0**2) * 255).round().astype(np.uint8)


def write(folder, data, pixels=None, name="r_0.png"):
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels if pixels is not None else np.zeros((HEIGHT, WIDTH), np.uint8)).save(folder / name)
    (folder / "transforms.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return folder


def frame(matrix=None, **more):
    matrix = world_camera(0.0) if matrix is None else matrix
    return {"file_path": "r_0.png", "transform_matrix": np.asarray(matrix).tolist()} | more


def miss(picture, domain, point=POINT):
    """Distance from the point to the ray of the picture's spot, in domain units."""
    weights = picture.rgba[..., 0].double() ** 2
    if picture.known is not None:
        weights = weights * picture.known
    weights = weights.flatten() / weights.sum()
    rays = picture.rays()
    direction = (weights[:, None] * rays.directions.double()).sum(0)
    direction = direction / direction.norm()
    matrix = np.array(domain.matrix_world)
    there = torch.tensor((point - matrix[:3, 3]) / matrix[0, 0]) - rays.origins[0].double()
    return float((there - (there @ direction) * direction).norm())


SQUARE = {"fl_x": 110.0, "fl_y": 110.0, "cx": 48.0, "cy": 32.0}
LENSES = {
    "nerfstudio": SQUARE | {"w": WIDTH, "h": HEIGHT, "camera_model": "OPENCV", "k1": 0, "k2": 0.0, "p1": 0, "p2": 0},
    "principal point": SQUARE | {"cx": 61.0, "cy": 20.5, "w": WIDTH, "h": HEIGHT},
    "pixels that are not square": {"fl_x": 110.0, "fl_y": 80.0, "cx": 40.0, "cy": 35.0, "w": WIDTH, "h": HEIGHT},
    "distortion": SQUARE | OPENCV | {"cx": 52.0, "w": WIDTH, "h": HEIGHT, "camera_model": "OPENCV"},
    "distortion without a model": SQUARE | {"k1": -0.2, "w": WIDTH, "h": HEIGHT},
    "no size": SQUARE,
}


@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)
@pytest.mark.parametrize("size", [96, 48])
def test_the_spot_of_a_point_lies_on_a_ray_through_it(tmp_path, lens, per_frame, size):
    for azimuth in (-60.0, 25.0, 140.0):
        matrix = world_camera(azimuth)
        said = {"frames": [frame(matrix)]} if not per_frame else {"frames": [frame(matrix, **lens)]}
        if not per_frame:
            said |= lens
        else:
            said |= {"fl_x": 1.0, "cx": 5.0, "camera_angle_x": 3.0}  # of frames that say nothing
        folder = write(tmp_path / "set", said, spot(*pixel_of(POINT, matrix, lens)))
        found = read_pictures(folder, 2.0, size)
        assert max(found.train[0].rgba.shape[:2]) == size
        assert miss(found.train[0], found.domain) < 0.004


@pytest.mark.parametrize(
    "angles",
    [
        {"camera_angle_x": 2 * math.atan(WIDTH / 2 / 110)},
        {"camera_angle_y": 2 * math.atan(HEIGHT / 2 / 110)},
        {"x_fov": math.degrees(2 * math.atan(WIDTH / 2 / 110))},
        {"camera_angle_x": 2 * math.atan(WIDTH / 2 / 110), "fl_x": 110.0, "fl_y": 110.0},
    ],
)
def test_angles_are_of_the_whole_picture(tmp_path, angles):
    matrix = world_camera(50.0)
    folder = write(tmp_path / "set", angles | {"frames": [frame(matrix)]}, spot(*pixel_of(POINT, matrix, SQUARE)))
    found = read_pictures(folder, 2.0, 96)
    assert miss(found.train[0], found.domain) < 0.004


def test_pictures_made_smaller_since_keep_their_rays(tmp_path):
    matrix, lens = world_camera(10.0), SQUARE | {"cx": 55.0, "w": WIDTH, "h": HEIGHT}
    pixels = spot(*pixel_of(POINT, matrix, lens), WIDTH // 2, HEIGHT // 2, scale=0.5)
    found = read_pictures(write(tmp_path / "set", lens | {"frames": [frame(matrix)]}, pixels), 2.0, 96)
    assert miss(found.train[0], found.domain) < 0.004


def test_the_box_of_instant_ngp_is_the_default(tmp_path):
    matrix = world_camera(30.0, distance=6.0)
    said = SQUARE | {"aabb_scale": 16, "scale": 0.25, "offset": [0.5, 0.25, 0.5], "frames": [frame(matrix)]}
    folder = write(tmp_path / "set", said, spot(*pixel_of(POINT, matrix, SQUARE)))
    found = read_pictures(folder, None, 96)
    assert np.array(found.domain.matrix_world).tolist() == [[2, 0, 0, 0], [0, 2, 0, 1], [0, 0, 2, 0], [0, 0, 0, 1]]
    assert miss(found.train[0], found.domain) < 0.004
    assert read_pictures(folder, 1.5, 96).domain.matrix_world[0] == (1.5, 0, 0, 0)
    plain = write(tmp_path / "plain", SQUARE | {"frames": [frame()]})
    assert read_pictures(plain, None, 96).domain == DomainSpec()


def test_what_is_passed_over_on_purpose(tmp_path):
    extra = {
        "applied_transform": [[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]],
        "ply_file_path": "sparse_pc.ply",
        "orientation_override": "up",
        "title": "chairs",
        "k4": 0.0,
        "is_fisheye": False,
    }
    more = {"rotation": 0.012, "sharpness": 20.0, "colmap_im_id": 3, "depth_file_path": "depth/0.png"}
    found = read_pictures(write(tmp_path / "set", SQUARE | extra | {"frames": [frame(**more)]}), 1.0, 96)
    assert len(found.train) == 1


# ---- Names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named, file",
    [
        ("./images/r_0", "r_0.png"),
        ("images/r_0", "r_0.jpg"),
        ("images/r_0", "r_0.JPEG"),
        ("images/frame.0001", "frame.0001.png"),
        ("images\\r_0.png", "r_0.png"),
        (".\\images\\r_0", "r_0.jpeg"),
        ("images/Stühle 1.png", "Stühle 1.png"),
    ],
)
def test_names_as_tools_write_them(tmp_path, named, file):
    folder = write(tmp_path / "set", SQUARE | {"frames": [frame() | {"file_path": named}]})
    (folder / "images").mkdir()
    Image.new("RGB", (WIDTH, HEIGHT), "red").save(folder / "images" / file)
    assert read_pictures(folder, 1.0, 96).train[0].rgba[0, 0, 0] > 0.9


def test_a_name_without_an_ending_that_may_be_two_is_asked_for(tmp_path):
    folder = write(tmp_path / "set", SQUARE | {"frames": [frame() | {"file_path": "r_0"}]})
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "r_0.jpg")
    assert "with its ending" in refusal(folder)


def refusal(folder, half_side=1.0):
    with pytest.raises(SjcError) as caught:
        read_pictures(folder, half_side, 96)
    assert caught.value.code == "bad_posed_pictures" and "transforms" in caught.value.message
    assert len(caught.value.message) < 1000
    return caught.value.message


SHEARED = [[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 3], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    "changes, names",
    [
        ({"camera_model": "OPENCV_FISHEYE"}, ("camera_model", "OPENCV_FISHEYE", "undistort")),
        ({"camera_model": "EQUIRECTANGULAR"}, ("camera_model", "PINHOLE")),
        ({"camera_model": "PINHOLE", "k1": 0.1}, ("k1", "no distortion")),
        ({"camera_model": 3}, ("camera_model",)),
        ({"is_fisheye": True}, ("is_fisheye",)),
        ({"k4": 0.01}, ("k4",)),
        ({"k1": float("nan")}, ("k1", "finite")),
        ({"k1": "0.1"}, ("k1", "number")),
        ({"ftheta_p0": 0.5}, ("ftheta_p0",)),
        ({"rolling_shutter": [0, 0, 0.1, 0]}, ("rolling_shutter",)),
        ({"from_mitsuba": True}, ("from_mitsuba",)),
        ({"camera_convention": "opencv"}, ("camera_convention",)),
        ({"skew": 0.2}, ("skew",)),
        ({"fl_x": 0}, ("fl_x", "above 0")),
        ({"fl_x": float("inf")}, ("fl_x", "finite")),
        ({"fl_x": True}, ("fl_x", "a number")),
        ({"fl_x": 10**400}, ("fl_x", "finite")),
        ({"fl_x": 1e-9}, ("distance 1",)),
        ({"camera_angle_x": 0.5}, ("camera_angle_x", "fl_x", "contradict")),
        ({"w": 64, "h": 64}, ("64 and 64", "96 x 64")),
        ({"w": 96}, ("h is None",)),
        ({"w": 1e9, "h": 1e9}, ("whole numbers of pixels",)),
        ({"scale": 0, "offset": [0, 0, 0]}, ("scale",)),
        ({"offset": [0, 0]}, ("offset",)),
        ({"train_filenames": ["other.png"]}, ("train_filenames", "other.png")),
        ({"frames": []}, ("frames",)),
        ({"frames": {"0": {}}}, ("frames",)),
        ({"frames": [3]}, ("frame 0", "file_path")),
        ({"frames": [{"file_path": 7}]}, ("frame 0", "file_path")),
        ({"frames": [frame() | {"time": 0.0}, frame() | {"time": 1.0}]}, ("time",)),
        ({"frames": [frame(np.full((4, 4), np.nan))]}, ("r_0.png", "transform_matrix", "finite")),
        ({"frames": [frame(np.zeros((4, 4)) + np.diag([0, 0, 0, 1.0]))]}, ("transform_matrix", "lengths")),
        ({"frames": [frame(np.diag([1.0, 2, 1, 1]))]}, ("transform_matrix", "lengths")),
        ({"frames": [frame(np.diag([-1.0, 1, 1, 1]))]}, ("transform_matrix", "mirrors")),
        ({"frames": [frame(SHEARED)]}, ("transform_matrix",)),
        ({"frames": [frame(np.eye(4) + np.eye(4)[[3, 0, 1, 2]])]}, ("transform_matrix",)),
        ({"frames": [frame(np.eye(3))]}, ("transform_matrix", "4 rows")),
        ({"frames": [frame() | {"transform_matrix": [["1"] * 4] * 4}]}, ("transform_matrix", "number")),
        ({"frames": [frame() | {"file_path": "../r_0.png"}]}, ("../r_0.png", "outside")),
        ({"frames": [frame() | {"file_path": "/etc/passwd"}]}, ("/etc/passwd", "relative")),
        ({"frames": [frame() | {"file_path": "C:\\r_0.png"}]}, ("r_0.png", "relative")),
        ({"frames": [frame() | {"file_path": "r_0.png\0"}]}, ("relative",)),
        ({"frames": [frame() | {"file_path": "r_9"}]}, ("r_9", "no such picture")),
        ({"frames": [frame() | {"file_path": "a" * 5000}]}, ("cannot be found",)),
        ({"frames": [frame() | {"mask_path": "../m.png"}]}, ("outside",)),
        ({"frames": [frame() | {"mask_path": 3}]}, ("mask_path",)),
    ],
)
def test_what_cannot_be_read_right_is_refused_by_name(tmp_path, changes, names):
    said = refusal(write(tmp_path / "set", SQUARE | {"frames": [frame()]} | changes))
    assert all(name in said for name in names), said


@pytest.mark.parametrize("text", ["", "[]", "not JSON", "[" * 200_000, '{"frames": ' + "9" * 5000 + "}", "\ud800"])
def test_damaged_files_are_one_sentence(tmp_path, text):
    folder = write(tmp_path / "set", {})
    (folder / "transforms.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    refusal(folder)


def test_any_json_is_a_set_or_one_error(tmp_path):
    draw = random.Random(2)
    values = [
        None,
        True,
        -1,
        0,
        1e308,
        float("nan"),
        10**400,
        "",
        "x",
        [],
        {},
        [[]],
        "..",
        "\0",
        [1] * 4,
        [[0] * 4] * 4,
    ]
    keys = [*SQUARE, "w", "h", "camera_angle_x", "camera_model", "k1", "frames", "scale", "offset", "train_filenames"]
    for _ in range(400):
        said = SQUARE | {"frames": [frame()]}
        for _ in range(draw.randrange(1, 4)):
            target = said if draw.random() < 0.5 or not isinstance(said["frames"], list) else said["frames"][0]
            if isinstance(target, dict):
                target[draw.choice([*keys, "file_path", "transform_matrix", "mask_path"])] = draw.choice(values)
            if not (isinstance(said["frames"], list) and said["frames"]):
                break
        folder = write(tmp_path / "set", said)
        try:
            read_pictures(folder, draw.choice([None, 1.0]), 16)
        except SjcError as error:
            assert error.code == "bad_posed_pictures"


# ---- Pictures ------------------------------------------------------------------------------------------------------


def one_picture(folder, image, name="r_0.png", **saving):
    write(folder, {"camera_angle_x": 0.8, "frames": [frame() | {"file_path": name}]})
    image.save(folder / name, **saving)
    return folder


@pytest.mark.parametrize(
    "image, wanted",
    [
        (Image.fromarray(np.full((8, 8), 0x8000, np.uint16)), (0.5, 0.5, 0.5, 1)),
        (Image.new("L", (8, 8), 51), (0.2, 0.2, 0.2, 1)),
        (Image.new("LA", (8, 8), (51, 102)), (0.2, 0.2, 0.2, 0.4)),
        (Image.new("RGBA", (8, 8), (51, 102, 153, 204)), (0.2, 0.4, 0.6, 0.8)),
        (Image.new("RGB", (8, 8), (51, 102, 153)).quantize(2), (0.2, 0.4, 0.6, 1)),
        (Image.new("1", (8, 8), 1), (1, 1, 1, 1)),
    ],
)
def test_kinds_of_pixels(tmp_path, image, wanted):
    pixel = read_pictures(one_picture(tmp_path / "set", image), 1.0, 8).train[0].rgba[0, 0]
    assert pixel.tolist() == pytest.approx(wanted, abs=0.003)


def png(width, height, depth, colour, rows):
    """A PNG of any depth, which Pillow cannot write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("colour, channels", [(2, 3), (6, 4), (4, 2), (0, 1)])
def test_sixteen_bits_a_channel(tmp_path, colour, channels):
    values = [0x3333, 0x6666, 0x9999, 0xCCCC][:channels]
    row = b"\0" + struct.pack(f">{channels}H", *values) * 4
    folder = one_picture(tmp_path / "set", Image.new("L", (4, 4)))
    (folder / "r_0.png").write_bytes(png(4, 4, 16, colour, row * 4))
    pixel = read_pictures(folder, 1.0, 8).train[0].rgba[0, 0].tolist()
    wanted = {1: (0.2, 0.2, 0.2, 1), 2: (0.2, 0.2, 0.2, 0.4), 3: (0.2, 0.4, 0.6, 1), 4: (0.2, 0.4, 0.6, 0.8)}
    assert pixel == pytest.approx(wanted[channels], abs=0.003)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_pictures_that_ask_to_be_turned_follow_the_size_of_their_camera(tmp_path, orientation):
    stored = Image.new("L", (16, 8))
    stored.putpixel((0, 0), 255)
    folder = one_picture(tmp_path / "set", stored, exif=turned(orientation))
    said = json.loads((folder / "transforms.json").read_text())
    for w, h in ((16, 8), (8, 16)):
        (folder / "transforms.json").write_text(json.dumps(said | {"w": w, "h": h}))
        rgba = read_pictures(folder, 1.0, 16).train[0].rgba
        assert rgba.shape[:2] == (h, w)
        at = rgba[..., 0].argmax().item()
        corner = {5: 0, 6: w - 1, 7: w * h - 1, 8: (h - 1) * w}[orientation] if w == 8 else 0
        assert at == corner
    (folder / "transforms.json").write_text(json.dumps(said))
    assert "EXIF orientation" in refusal(folder)
    upright = one_picture(tmp_path / "half", stored, exif=turned(3))
    assert "EXIF orientation 3" in refusal(upright)


def test_pictures_that_are_none(tmp_path):
    wrong = {
        "float.tif": lambda path: Image.fromarray(np.ones((4, 4), np.float32)).save(path),
        "print.jpg": lambda path: Image.new("CMYK", (4, 4)).save(path),
        "cut.png": lambda path: path.write_bytes(png(64, 64, 8, 2, b"\0" * 50)),
        "noise.png": lambda path: path.write_bytes(random.Random(1).randbytes(500)),
        "page.png": lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        "huge.png": lambda path: path.write_bytes(png(30_000, 30_000, 8, 2, b"\0")),
        "film.webp": lambda path: Image.new("L", (4, 4)).save(
            path, save_all=True, append_images=[Image.new("L", (4, 4), 9)]
        ),
        "empty.png": lambda path: path.write_bytes(b""),
    }
    for name, make in wrong.items():
        folder = write(tmp_path / name, {"camera_angle_x": 0.8, "frames": [frame() | {"file_path": name}]})
        make(folder / name)
        assert name in refusal(folder) and "allowed" in refusal(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_links_out_of_the_folder_pipes_and_folders_are_refused(tmp_path):
    folder = write(tmp_path / "set", SQUARE | {"frames": [frame()]})
    picture = folder / "r_0.png"
    picture.rename(tmp_path / "secret.png")
    picture.symlink_to(tmp_path / "secret.png")
    assert "outside" in refusal(folder)
    picture.unlink()
    picture.symlink_to(picture)
    refusal(folder)
    picture.unlink()
    os.mkfifo(picture)
    assert "no such picture" in refusal(folder)
    picture.unlink()
    picture.mkdir()
    assert "no such picture" in refusal(folder)


def test_masks_and_distortion_leave_out_what_is_not_known(tmp_path):
    folder = write(tmp_path / "set", SQUARE | {"frames": [frame(mask_path="masks/0.png")]})
    (folder / "masks").mkdir()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, : WIDTH // 2] = 255
    Image.fromarray(mask).save(folder / "masks" / "0.png")
    known = read_pictures(folder, 1.0, 24).train[0].known
    assert known[:, :12].all() and not known[:, 12:].any()
    Image.fromarray(mask[:, :50]).save(folder / "masks" / "0.png")
    assert "the same size" in refusal(folder)
    bent = write(tmp_path / "bent", SQUARE | {"k1": 0.3, "frames": [frame()]})
    known = read_pictures(bent, 1.0, 96).train[0].known
    assert not known[0, 0] and known[HEIGHT // 2, WIDTH // 2]


# ---- Sets ----------------------------------------------------------------------------------------------------------


def test_which_pictures_judge_is_the_files_own_choice(tmp_path):
    frames = [frame() | {"file_path": f"r_{index}.png"} for index in range(6)]
    names = [one["file_path"] for one in frames]
    said = SQUARE | {"frames": frames, "train_filenames": names[:3], "val_filenames": names[3:5]}
    folder = write(tmp_path / "set", said)
    for name in names:
        Image.new("L", (WIDTH, HEIGHT)).save(folder / name)
    found = read_pictures(folder, 1.0, 96)
    assert [[picture.camera.name for picture in some] for some in (found.train, found.held_out)] == [
        names[:3],
        names[3:5],
    ]
    (folder / "transforms.json").rename(folder / "transforms_train.json")
    (folder / "transforms_val.json").write_text(json.dumps(SQUARE | {"frames": frames[5:]}))
    (folder / "transforms_train.json").write_text(json.dumps(SQUARE | {"frames": frames[:5]}))
    found = read_pictures(folder, 1.0, 96)
    assert (len(found.train), [picture.camera.name for picture in found.held_out]) == (5, names[5:])


def test_cameras_in_the_box_are_told_and_those_that_look_away_left_out(tmp_path):
    away = world_camera(90.0) @ np.diag([-1.0, 1, -1, 1])
    folder = write(tmp_path / "set", SQUARE | {"frames": [frame(), frame(away)]})
    assert len(pictures_of_the_box(read_pictures(folder, 1.0, 96)).train) == 1
    with pytest.raises(SjcError) as caught:
        pictures_of_the_box(read_pictures(folder, 5.0, 96))
    assert caught.value.code == "camera_in_the_box" and "--half-side" in caught.value.hint


def test_more_pixels_than_memory_are_told_before(tmp_path, monkeypatch):
    from sjc_blender.engine.fitting import posed_pictures

    monkeypatch.setattr(posed_pictures, "MOST_PIXELS", WIDTH * HEIGHT)
    folder = write(tmp_path / "set", SQUARE | {"frames": [frame(), frame()]})
    assert "--size" in refusal(folder)


# ---- Written -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alike", [True, False])
def test_cameras_of_a_rig_come_back_from_what_is_written(tmp_path, alike):
    turn = math.radians(35)
    c, s = 1.7 * math.cos(turn), 1.7 * math.sin(turn)
    domain = DomainSpec((0.5, 1.0, 0.8), ((c, -s, 0, 4.0), (s, c, 0, -2.0), (0, 0, 1.7, 0.5), (0, 0, 0, 1)))
    cameras = [orbit_camera(azimuth, 20, 2.6, 40 if alike else 40 + azimuth / 10, str(azimuth)) for azimuth in (0, 100)]
    cameras = [dataclasses.replace(camera, window=(-0.3, 0.4, -0.2, 0.35)) if alike else camera for camera in cameras]
    views = ReferenceViews(tuple(ReferenceView(f"{index}.png", camera) for index, camera in enumerate(cameras)), domain)
    written = transforms_json(views, 64, 64)
    assert ("fl_x" in written) == alike
    for view in views.views:
        Image.new("RGBA", (64, 64)).save(tmp_path / view.image)
    (tmp_path / "transforms.json").write_text(json.dumps(written))
    found = read_pictures(tmp_path, None, 64)
    to_world = np.array(domain.matrix_world)
    box = np.array(found.domain.matrix_world)
    for picture, camera in zip(found.train, cameras, strict=True):
        assert picture.camera.window == pytest.approx(camera.window)
        pose, wanted = np.array(picture.camera.pose), np.array(camera.pose)
        assert np.allclose(pose[:3, :3], to_world[:3, :3] @ wanted[:3, :3] / 1.7)
        assert np.allclose(box @ pose[:, 3], to_world @ wanted[:, 3])
    corners = np.array([[x, y, z, 1] for x in (-0.5, 0.5) for y in (-1, 1) for z in (-0.8, 0.8)])
    reach = np.abs(np.linalg.inv(box) @ to_world @ corners.T)[:3].max()
    assert reach == pytest.approx(1)


def test_parallel_cameras_are_not_written():
    camera = dataclasses.replace(orbit_camera(0, 0, 3, 40), projection="orthographic")
    assert transforms_json(ReferenceViews((ReferenceView("0.png", camera),)), 8, 8) is None
