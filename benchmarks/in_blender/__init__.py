"""What is measured in Blender."""
