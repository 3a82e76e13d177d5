# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished field becomes: colours, mesh, pictures, files."""
