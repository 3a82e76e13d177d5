"""``python -m sjc_blender.engine``: the command line, and a file for each subcommand."""
