"""Score models: pretrained networks behind one small interface, and how they are found and conditioned."""
