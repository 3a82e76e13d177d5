"""The sub-panel "Model"."""
