"""The static repository that a release is."""

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.package.blenders import blender

ROOT = Path(__file__).resolve().parents[2]


def release(folder: Path, channel: str, package: Path) -> subprocess.CompletedProcess[str]:
    command = [ROOT / "scripts" / "build_release.sh", folder, channel, package, blender("5.2").extension_tool]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)


def test_it_lists_the_package_with_its_digest_and_a_link_to_drag(package: Path, tmp_path: Path) -> None:
    done = release(tmp_path, "stable", package)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads((tmp_path / "stable" / "index.json").read_text(encoding="utf-8"))["data"]
    assert entry["id"] == "sjc_blender"
    assert entry["archive_hash"] == "sha256:" + hashlib.sha256(package.read_bytes()).hexdigest()
    assert (tmp_path / "stable" / entry["archive_url"]).read_bytes() == package.read_bytes()
    page = (tmp_path / "stable" / "index.html").read_text(encoding="utf-8")
    assert f"{package.name}?repository=.%2Findex.json" in page
    assert package.name in (tmp_path / "stable" / "SHA256SUMS").read_text()


@pytest.mark.parametrize(("channel", "replaced"), [("stable", False), ("latest", True)])
def test_a_released_version_is_replaced_in_latest_alone(
    package: Path, tmp_path: Path, channel: str, replaced: bool
) -> None:
    assert release(tmp_path, channel, package).returncode == 0
    other = tmp_path / package.name
    shutil.copy(package, other)
    with other.open("ab") as file:
        file.write(b"\0")
    done = release(tmp_path, channel, other)
    assert (done.returncode == 0) is replaced
    kept = (tmp_path / channel / package.name).read_bytes()
    assert (kept == other.read_bytes()) is replaced
    if not replaced:
        assert "Raise the version" in done.stderr


STAGE = ROOT / "scripts" / "stage_package.py"


def test_the_package_names_the_address_of_whoever_publishes_it(tmp_path: Path) -> None:
    staged, zipped, address = (
        tmp_path / "staged",
        tmp_path / "sjc_blender-1.zip",
        "https://example.org:8443/~sjc/?a=b#c",
    )
    subprocess.run([sys.executable, STAGE, staged, address], check=True, timeout=120)
    assert tomllib.loads((staged / "blender_manifest.toml").read_text(encoding="utf-8"))["website"] == address
    module = blender("5.2")
    build = [module.python, module.extension_tool, "build", "--source-dir", staged, "--output-filepath", zipped]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    done = release(tmp_path, "stable", zipped)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads((tmp_path / "stable" / "index.json").read_text(encoding="utf-8"))["data"]
    assert entry["website"] == address


def test_without_an_address_it_names_none() -> None:
    assert "website" not in tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "address",
    [
        "example.org",
        "ftp://example.org",
        "https://",
        "https:///sjc",
        'https://a.org/"',
        "https://a.org/ b",
        "https://ä.org",
    ],
)
def test_what_is_no_address_of_a_web_page_is_refused(address: str, tmp_path: Path) -> None:
    manifest = Path(shutil.copy(ROOT / "blender_manifest.toml", tmp_path))
    with pytest.raises(SystemExit, match="allowed: an address such as https://"):
        runpy.run_path(str(STAGE))["name_website"](manifest, address)
    assert "website" not in manifest.read_text(encoding="utf-8")
