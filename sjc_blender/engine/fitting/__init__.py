"""A radiance grid from pictures whose cameras are known: the authors' NeRF test, and objects as Volumes."""
