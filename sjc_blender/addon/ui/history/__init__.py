"""The sub-panel "History"."""
