# SPDX-License-Identifier: GPL-3.0-or-later
"""Viewpoints and domain of a job, taken from the scene's cameras and objects."""
