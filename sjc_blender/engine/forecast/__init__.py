# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job will need of memory, disk and time; what of these is free; what follows from the two."""
