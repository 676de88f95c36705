"""What a few measured distances say about the scale of a depth map. NumPy only."""
