"""The main panel: the next job, and the jobs of this session."""
