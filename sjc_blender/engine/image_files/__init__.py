# SPDX-License-Identifier: GPL-3.0-or-later
"""Image files, read and written, and their colours: sRGB and linear light."""
