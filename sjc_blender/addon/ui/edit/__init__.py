# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel that changes a finished result."""
