# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras: viewpoints of the optimisation, and camera paths of videos."""
