"""Whether Blender opens the meshes of all finished jobs with their textures, as imported and from files.

``python -m benchmarks.quality.meshes --out build/quality``; `benchmarks.in_blender.open_meshes` looks at them. What was
found is kept in each job's folder, as ``opens.json``: the command again looks at what is new.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.child import measured
from sjc_blender.protocol.job_folder import JobFolder

PROGRAM = "benchmarks.in_blender.open_meshes"
BLENDER = Path("build/bpy52/bin/python")
AT_ONCE = 16
"""Jobs for one Blender: what was found is kept when it ends."""


def main() -> int:
    """Look at the meshes that were not looked at, and tell; 1 if any is not in order, or there is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.meshes", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/quality"), help="where the benchmark's jobs lie")
    parser.add_argument("--blender", type=Path, default=BLENDER, help="a Python with bpy")
    arguments = parser.parse_args()
    folders, failed = finished(arguments.out.absolute())
    version, looks = look(folders, arguments.blender)
    faults = {folder: list(_faults(opens)) for folder, opens in looks.items()}
    for folder, found in faults.items():
        for fault in found:
            print(f"{folder}: {fault}")
    good = sum(not found for found in faults.values())
    print(f"{good} of {len(folders)} meshes are in order in Blender {version}; {failed} jobs ended without a mesh")
    return 0 if folders and good == len(folders) else 1


def finished(out: Path) -> tuple[list[Path], int]:
    """Give the folders of the benchmark's jobs that have a mesh, and the number of those that ended without one."""
    ended = sorted(path.parent for path in out.rglob("quality.json") if (path.parent / "job.json").exists())
    folders = [folder for folder in ended if _mesh(folder).exists()]
    return folders, len(ended) - len(folders)


def look(folders: Sequence[Path], blender: Path) -> tuple[str, dict[Path, dict[str, Any]]]:
    """Let Blender look at the meshes that it did not look at before; give its version, and what it found of all."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"BLENDER_USER_RESOURCES": home, "XDG_DATA_HOME": home, "LOCALAPPDATA": home}
        version: str = measured(PROGRAM, python=blender, environment=environment)["blender"]
        looks = {folder: opens for folder in folders if (opens := _kept(folder, version)) is not None}
        missing = [folder for folder in folders if folder not in looks]
        for some in (missing[i : i + AT_ONCE] for i in range(0, len(missing), AT_ONCE)):
            found = measured(PROGRAM, *some, python=blender, environment=environment)["meshes"]
            for folder in some:
                looks[folder] = found[str(folder)]
                opens = {"blender": version, **looks[folder]}
                (folder / "opens.json").write_text(json.dumps(opens, indent=1), encoding="utf-8")
    return version, looks


def _kept(folder: Path, version: str) -> dict[str, Any] | None:
    """What this Blender found of the mesh as it is now, or None."""
    path = folder / "opens.json"
    if not path.exists() or path.stat().st_mtime < _mesh(folder).stat().st_mtime:
        return None
    opens: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return opens if opens.pop("blender") == version else None


def _faults(opens: dict[str, Any]) -> Iterator[str]:
    for way, found in opens.items():
        yield from (f"{way}: {fault}" for fault in found["faults"])


def _mesh(folder: Path) -> Path:
    return JobFolder(folder).result / "mesh.npz"


if __name__ == "__main__":
    sys.exit(main())
