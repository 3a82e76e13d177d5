# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on and the engine agree on: job specs, events, the job folder, errors.

Standard library only, so that Blender's Python and the engine's Python (and a farm's
workers) all read the same files in the same way.
"""
