"""Score Jacobian Chaining: score models, field, renderer, optimiser, results. Never imports bpy."""
