"""A "Python" for the add-on that acts as the engine and needs no torch."""

import shlex
import sys
from pathlib import Path

import numpy as np

FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")


def write_fake_python(folder: Path) -> Path:
    """Write the program, and the result that all of its jobs have, into a folder."""
    write_result(folder / "result")
    path = folder / "python"
    command = shlex.join([sys.executable, "-I", "-S", str(FAKE_ENGINE), str(folder / "result")])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
    return path


def write_result(folder: Path) -> None:
    """Write a cube and a tetrahedron, as the engine writes a field and a mesh."""
    folder.mkdir()
    density = np.zeros((8, 8, 8), np.float32)
    density[2:6, 2:6, 2:6] = 20.0
    rgb = np.full((8, 8, 8, 3), 0.5, np.float32)
    np.savez(folder / "field.npz", version=1, density=density, rgb=rgb, half_extents=np.ones(3), voxel_size=0.25)
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)
    faces = np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)], np.int32)
    normals = np.array([(-0.6, -0.6, -0.6), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)
    np.savez(folder / "mesh.npz", vertices=vertices, faces=faces, normals=normals, colours=np.full_like(normals, 0.5))
    (folder / "metrics.json").write_text("{}\n")
