# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own Python environment: finding, making, repairing and removing it."""
