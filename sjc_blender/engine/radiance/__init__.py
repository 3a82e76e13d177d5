# SPDX-License-Identifier: GPL-3.0-or-later
"""The voxel radiance field and its differentiable renderer."""
