"""The panels of viewpoints and domain."""
