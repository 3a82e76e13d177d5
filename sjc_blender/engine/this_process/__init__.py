# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own process: its memory, threads, signals, pauses, libraries and network."""
