"""A yardstick for large public models: prompts of others, CLIP R-precision, divergence, time and memory."""
