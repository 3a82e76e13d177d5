# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a finished field: colours, mesh, pictures, files."""
