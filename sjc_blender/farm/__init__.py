# SPDX-License-Identifier: GPL-3.0-or-later
"""Many machines: job folders through Dask's distributed scheduler.

Dask schedules; what runs is the engine, on one job folder at a time, in a process of its own. Nothing of this room is
imported by Blender, nor by a job: the environment needs `requirements/farm.txt` beside the engine's.
"""
