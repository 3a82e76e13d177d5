# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen and clicked: settings, panels, buttons, menus."""
