# SPDX-License-Identifier: GPL-3.0-or-later
"""Many objects of one list: judged as a whole, made one after the other, placed; done ones are not made again."""
