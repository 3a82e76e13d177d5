"""Pictures from a 2D score model: the samplers, and the paper's 2D experiment."""
