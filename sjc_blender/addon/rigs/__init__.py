# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene as viewpoints and domain: cameras, boxes, and a rig to start from."""
