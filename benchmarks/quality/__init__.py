"""The quality benchmark: what objects a setting makes, and how good they are, measured without eyes.

``python -m benchmarks.quality --rows standard draft`` makes every object that the built-in prior knows (an interrupted
run goes on), measures each against its procedural shape and by a recogniser, and writes a table, a contact sheet
for each row and, with ``--json``, the figures. docs/quality.md says what the measures mean.
"""
