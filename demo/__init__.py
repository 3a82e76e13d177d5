"""``make demo``: the main job from a scene with a camera rig to pictures by Cycles."""
