# SPDX-License-Identifier: GPL-3.0-or-later
"""A radiance grid from pictures whose cameras are known: the authors' NeRF test, and objects as Volumes."""
