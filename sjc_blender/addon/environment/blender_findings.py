# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about the engine that Blender makes without starting it."""

from __future__ import annotations

import platform

import bpy

from ...protocol.amounts import gigabytes
from ...protocol.diagnosis import Finding
from .engine_check import told_problem
from .engine_keeper import EngineState, Status

WHY = {
    "preferences": "the preferences name it",
    "environment": "it was set up by Set Up Engine",
    "variable": "the environment variable SJC_ENGINE_PYTHON names it",
}


def blender_findings(state: EngineState) -> tuple[Finding, ...]:
    """Return findings about this Blender, the choice of the interpreter, and the environment."""
    online = "allowed" if bpy.app.online_access else "not allowed"
    findings = [
        Finding(
            "Blender",
            f"{bpy.app.version_string} with Python {platform.python_version()}, {platform.platform(terse=True)}, "
            f"online access {online}",
        )
    ]
    if state.status is Status.READY:
        findings.append(Finding("Interpreter", f"{state.interpreter}: {WHY[state.source]}"))
    elif state.problem is not None:
        findings.append(told_problem(state.problem))
    else:
        findings.append(Finding("Engine", f"it is {state.status}", False, "Wait until that is done."))
    if state.size:
        size = gigabytes(state.size)
        text = f"{size} in {state.place.root}"
        if state.outdated:
            findings.append(
                Finding("Environment", f"{text}, made for another release of the add-on", False, "Press Update Engine.")
            )
        else:
            findings.append(Finding("Environment", text))
    return tuple(findings)
