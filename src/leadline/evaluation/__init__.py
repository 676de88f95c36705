"""How good a model is, on frames with measured depth."""
