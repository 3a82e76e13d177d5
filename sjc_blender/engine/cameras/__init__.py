# SPDX-License-Identifier: GPL-3.0-or-later
"""Where cameras stand: viewpoints of the optimisation, and camera paths of videos."""
