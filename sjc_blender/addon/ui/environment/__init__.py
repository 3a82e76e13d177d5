# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's environment: its panel, its operators and the bug report."""
