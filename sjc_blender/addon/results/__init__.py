# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as objects: Volume and mesh, their looks, their place."""
