# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from a 2D score model: the samplers, and the paper's 2D experiment."""
