# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in's result: an octahedron in a colour that depends on the prompt, as a field and as a mesh."""

from __future__ import annotations

import hashlib
import json
import struct

import numpy as np

from ..protocol import events
from ..protocol.atomic_write import atomic_path, write_text
from ..protocol.job_folder import FIELD_VERSION, JobFolder
from ..protocol.spec import JobSpec

VOXELS = 16
"""Along the longest side."""

DENSITY = 50.0
SIZE = 0.75
"""Of the octahedron, in half extents of the domain."""


def write_results(folder: JobFolder, spec: JobSpec) -> events.Result:
    """Write ``field.npz`` and ``mesh.npz``, as far as the job asks for them, and ``metrics.json`` last."""
    folder.begin_results()
    arrays = {}
    if spec.outputs.volume:
        arrays["field"] = _field(spec)
    if spec.outputs.mesh:
        arrays["mesh"] = _mesh(spec)
    for name, content in arrays.items():
        with atomic_path(folder.to_write(folder.results[name])) as temporary:
            np.savez(temporary, **content)  # type: ignore[arg-type]  # numpy: one of its own options may be named
    metrics = {"steps": float(spec.optimisation.steps)}
    write_text(folder.to_write(folder.metrics), json.dumps(metrics) + "\n")
    return events.Result({name: folder.relative(folder.results[name]) for name in [*arrays, "metrics"]}, metrics)


def write_checkpoint(folder: JobFolder, spec: JobSpec, step: int) -> None:
    """Write a checkpoint that holds no tensors: jobs can be edited and continued, by a stand-in."""
    content = hashlib.sha256(f"{spec.subject} {spec.seed} {step}".encode()).hexdigest()
    about = json.dumps({"format": "stand-in", "step": step, "settings": "", "content": content}, sort_keys=True)
    header = json.dumps({"__metadata__": {"checkpoint": about}}).encode()
    with atomic_path(folder.to_write(folder.checkpoint)) as temporary:
        temporary.write_bytes(struct.pack("<Q", len(header)) + header)


def _colour(spec: JobSpec) -> np.ndarray:
    digest = hashlib.sha256(spec.subject.encode()).digest()
    return np.frombuffer(digest[:3], np.uint8).astype(np.float32) / 255.0


def _field(spec: JobSpec) -> dict[str, np.ndarray]:
    wanted = np.array(spec.domain.half_extents, np.float64)
    voxel_size = 2 * wanted.max() / VOXELS
    shape = np.maximum(1, np.round(2 * wanted / voxel_size)).astype(int)
    half_extents = shape * voxel_size / 2
    axes = [(np.arange(count) + 0.5) * voxel_size - half for count, half in zip(shape, half_extents, strict=True)]
    distance = sum(
        np.abs(axis) / half for axis, half in zip(np.meshgrid(*axes, indexing="ij"), half_extents, strict=True)
    )
    density = np.where(np.asarray(distance) < SIZE, DENSITY, 0.0).astype(np.float32)
    return {
        "version": np.int64(FIELD_VERSION),
        "density": density,
        "rgb": np.broadcast_to(_colour(spec), (*density.shape, 3)).copy(),
        "half_extents": half_extents,
        "voxel_size": np.float64(voxel_size),
        "matrix_world": np.array(spec.domain.matrix_world, np.float64),
    }


def _mesh(spec: JobSpec) -> dict[str, np.ndarray]:
    corners = np.concatenate([np.eye(3), -np.eye(3)]) * np.array(spec.domain.half_extents) * SIZE
    upper = [(0, 1, 2), (1, 3, 2), (3, 4, 2), (4, 0, 2)]
    faces = np.array(upper + [(b, a, 5) for a, b, _ in upper], np.int32)
    vertices = corners.astype(np.float32)
    normals = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
    colours = np.broadcast_to(_colour(spec), vertices.shape).copy()
    return {"vertices": vertices, "faces": faces, "normals": normals, "colours": colours}
