# SPDX-License-Identifier: GPL-3.0-or-later
"""A density as a surface: closed, coloured, in quads. NumPy and nothing else, so that engine and add-on share it."""
