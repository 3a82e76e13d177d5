"""Pictures and videos of a finished job."""
