"""The sub-panel that changes a finished result."""
