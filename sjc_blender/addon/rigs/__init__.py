"""The scene as viewpoints and domain: cameras, boxes, and a rig to start from."""
