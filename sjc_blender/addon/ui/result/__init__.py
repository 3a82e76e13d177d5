"""The sub-panel of the active result."""
