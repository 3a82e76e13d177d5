"""The extension's zip, as `make package` built it, holds what it must and nothing else."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package.blenders import BLENDERS, blender

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("protocol", "surface", "engine", "addon", "farm", "stand_in")
DATA = ("manual", "models", "presets", "requirements")
IMPORT_RENAMED = """
import importlib, pkgutil, sys

sys.path.insert(0, sys.argv[1])
room = importlib.import_module("renamed.protocol")
for module in pkgutil.walk_packages(room.__path__, "renamed.protocol."):
    importlib.import_module(module.name)
assert "sjc_blender" not in sys.modules
"""


@pytest.fixture(scope="module")
def archive(package: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(package) as opened:
        yield opened


@pytest.fixture(scope="module")
def manifest(archive: zipfile.ZipFile) -> dict:
    return tomllib.loads(archive.read("blender_manifest.toml").decode())


@pytest.mark.parametrize("version", BLENDERS)
def test_blender_accepts_the_zip(package: Path, version: str) -> None:
    module = blender(version)
    answer = subprocess.run(
        [module.python, module.extension_tool, "validate", package], capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_file_is_named_after_id_and_version(package: Path, manifest: dict) -> None:
    assert package.name == f"{manifest['id']}-{manifest['version']}.zip"


def test_the_rules_for_names_hold(manifest: dict) -> None:
    assert "blender" not in manifest["name"].lower()
    for text in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(text) <= 64
        assert not text.endswith(".")


def test_it_holds_the_rooms_their_data_and_the_licence(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    assert {"__init__.py", "LICENSE", "requirements/engine.txt"} <= names
    assert {f"{room}/__init__.py" for room in ROOMS} <= names
    assert "engine/__main__.py" in names
    assert any(name.startswith("presets/") and name.endswith(".json") for name in names)


def test_it_holds_the_weights_of_the_builtin_model(archive: zipfile.ZipFile) -> None:
    weights = [n for n in archive.namelist() if n.startswith("models/builtin/") and n.endswith(".safetensors")]
    assert weights
    for name in weights:
        with archive.open(name) as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        assert set(header) - {"__metadata__"}, f"{name} holds no tensors"


def test_it_holds_every_tracked_file_of_the_package(archive: zipfile.ZipFile) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "sjc_blender"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    tracked = {name.removeprefix("sjc_blender/") for name in listing.stdout.split("\0") if name}
    assert tracked <= set(archive.namelist())


def test_it_holds_the_manual_with_all_that_its_pages_show_and_link_to(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    pages = [name for name in names if name.startswith("manual/") and name.endswith(".html")]
    assert "manual/index.html" in pages
    for page in pages:
        targets = re.findall(r'(?:href|src)="(?![a-z]+:)([^"#]+)', archive.read(page).decode())
        assert {f"manual/{target}" for target in targets} <= names, page


def test_each_link_within_the_manual_leads_to_a_place_of_a_page(archive: zipfile.ZipFile) -> None:
    pages = {
        name: archive.read(name).decode()
        for name in archive.namelist()
        if name.startswith("manual/") and name.endswith(".html")
    }
    links = 0
    for name, text in pages.items():
        for page, place in re.findall(r'href="(?![a-z]+:)([^"#]*)#([^"]+)"', text):
            links += 1
            assert f'id="{place}"' in pages[f"manual/{page}" if page else name], f"{name}: {page}#{place}"
    assert links > 50


def test_it_holds_nothing_else(archive: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in archive.namelist()}
    assert top <= {"__init__.py", "blender_manifest.toml", "LICENSE", "py.typed", *ROOMS, *DATA}


def test_it_holds_no_pickles_no_bytecode_and_no_programs(archive: zipfile.ZipFile) -> None:
    # A list of what may be there: .bin, .ckpt, .pt, .pkl, .npy and what else can hold a pickle is not on it.
    # .h are the sources of the fused kernels, text that Warp compiles in the engine's environment.
    allowed = {".py", ".h", ".html", ".json", ".toml", ".txt", ".md", ".png", ".safetensors"}
    # What a farm's own programs read: they are run by those, and by nothing here.
    templates = {f"farm/templates/{name}" for name in ("openjd.yaml", "slurm.sbatch", "flamenco.js")}
    others = {"LICENSE", "py.typed", *templates}
    assert [n for n in archive.namelist() if n not in others and Path(n).suffix not in allowed] == []
    assert [n for n in archive.namelist() if n.endswith(".py") and not n.startswith((*ROOMS, "__init__.py"))] == []


def test_the_unpacked_package_runs_by_itself_under_any_name(archive: zipfile.ZipFile, tmp_path: Path) -> None:
    # Blender installs it as bl_ext.<repository>.sjc_blender.
    archive.extractall(tmp_path / "renamed")
    answer = subprocess.run([sys.executable, "-I", "-c", IMPORT_RENAMED, tmp_path], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
