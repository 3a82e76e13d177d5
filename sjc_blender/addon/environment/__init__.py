# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own Python environment: where it lies, how it is made, mended and removed, and whether it is there."""
