# SPDX-License-Identifier: GPL-3.0-or-later
"""The main panel: the next job, and the jobs of this session."""
