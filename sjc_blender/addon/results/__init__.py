"""Results as objects: Volume and mesh, their looks, their place."""
