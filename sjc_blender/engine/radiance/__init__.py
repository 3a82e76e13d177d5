"""The voxel radiance field and its differentiable renderer."""
