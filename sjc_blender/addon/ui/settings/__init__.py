"""The settings of a scene: ``scene.sjc``."""
