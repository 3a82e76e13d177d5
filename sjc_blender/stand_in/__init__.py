# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that computes nothing, for people who test their own tools against the add-on. NumPy is all it needs.

Named ``stand-in`` where a Python for the engine is named, it takes the engine's place behind the same protocol: job
folders, events, commands, results. A job takes a moment, and its object is an octahedron.
"""
