# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches: many objects of one list, validated as a whole, made one after the other and arranged."""
