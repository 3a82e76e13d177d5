# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's environment: its panel, its buttons and the report about faults."""
