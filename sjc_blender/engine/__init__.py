# SPDX-License-Identifier: GPL-3.0-or-later
"""Score Jacobian Chaining: score models, field, renderer, optimiser, results. Never imports bpy."""
