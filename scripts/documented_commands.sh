# What `blender` and `python` mean in the documents' command lines; sourced. `repository` is the checkout, `BLENDER` the
# words that start a program (empty: the module in build/), `SJC_ENGINE_PYTHON` the engine's Python.

blender() {
  if [ -n "$BLENDER" ]; then
    eval "$BLENDER"' "$@"'
  else
    PYTHONPATH=$repository "$repository/build/bpy52/bin/python" -m demo.blender "$@"
  fi
}
python() { PYTHONPATH=$repository "$SJC_ENGINE_PYTHON" "$@"; }
export -f blender python
