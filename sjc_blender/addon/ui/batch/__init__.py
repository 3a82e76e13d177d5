"""The sub-panel "Batch"."""
