"""A folder of packages with a tiny engine and the real installer, so that set-ups are real and need no network."""

import base64
import hashlib
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from sjc_blender.addon.environment import engine_keeper
from sjc_blender.addon.environment.engine_keeper import EngineKeeper
from sjc_blender.addon.environment.setup_request import SetupRequest
from sjc_blender.addon.process import engine_python
from sjc_blender.addon.process.child_owner import end_children
from sjc_blender.addon.process.environment_place import environment_place, requirements_file

REPOSITORY = Path(__file__).resolve().parents[3]
UV = REPOSITORY / "build" / "tools" / "bin" / "uv"
UV_VERSION = re.search(r"^uv==(\S+)", requirements_file("tools.txt").read_text(), re.MULTILINE)[1]


def build_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """Write a wheel of pure Python; `files` by their paths in it."""
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16
            wheel.writestr(entry, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(content)}\n"
        wheel.writestr(f"{info}/RECORD", record)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory) -> Path:
    """Give a folder with the packages ``tinyengine`` 1 and 2, and uv."""
    if not UV.is_file():
        pytest.skip("build/tools has no uv")
    folder = tmp_path_factory.mktemp("Räder, zum Mitnehmen")
    for version in ("1.0", "2.0"):
        files = {"tinyengine/__init__.py": b"from .part import VALUE\n", "tinyengine/part.py": b"VALUE = 1\n"}
        build_wheel(folder, "tinyengine", version, files)
    build_wheel(folder, "uv", UV_VERSION, {f"uv-{UV_VERSION}.data/scripts/uv": UV.read_bytes()})
    return folder


def pinned(folder: Path, name: str, version: str) -> str:
    """Write a requirement with the hash of its wheel; one that is not there has a hash, too."""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes() if wheel.is_file() else b"").hexdigest()
    return f"# a comment\n{name}=={version} \\\n    --hash=sha256:{digest}\n"


@pytest.fixture
def tiny(tmp_path, monkeypatch, wheelhouse) -> Path:
    """Give the list of the tiny engine's packages; the tiny engine is what the add-on looks for."""
    path = tmp_path / "engine.txt"
    path.write_text(pinned(wheelhouse, "tinyengine", "1.0"))
    (tmp_path / "torch.txt").write_text("# none\n")
    (tmp_path / "tools.txt").write_text(pinned(wheelhouse, "uv", UV_VERSION))
    monkeypatch.setattr(engine_python, "MODULES", ("tinyengine",))
    monkeypatch.setattr(engine_keeper, "requirements_file", lambda name: tmp_path / name)
    monkeypatch.delenv("SJC_ENGINE_PYTHON", raising=False)
    return path


@pytest.fixture
def request_of(tiny, wheelhouse, users_engine):
    """Give a function that makes a request for the tiny engine."""

    def make(action="set_up", **changes) -> SetupRequest:
        values = {"wheelhouse": str(wheelhouse), "requirements": str(tiny), "modules": ("tinyengine",)}
        values |= {name: str(tiny.with_name(f"{name}.txt")) for name in ("torch", "tools")}
        return SetupRequest(action, str(environment_place().root), **(values | changes))

    return make


@pytest.fixture
def installer(request_of):
    """Put the installer in place, as an earlier set-up would have: that saves two seconds a test. Give its path."""
    place = request_of().place
    place.root.mkdir(parents=True)
    place.own.claim(place.tools)
    uv = place.uv
    uv.parent.mkdir(parents=True)
    shutil.copy(UV, uv)
    return uv


@pytest.fixture
def keeper():
    """Give a keeper of its own, and end what it runs."""
    made = EngineKeeper()
    yield made
    end_children([made], 2.0)
