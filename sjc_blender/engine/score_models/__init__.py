# SPDX-License-Identifier: GPL-3.0-or-later
"""Score models: pretrained networks behind one small interface, and how they are found and conditioned."""
