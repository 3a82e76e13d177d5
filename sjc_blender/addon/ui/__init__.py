"""What is seen and clicked: settings, panels, buttons, menus."""
