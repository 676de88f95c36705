"""What is wrong with a data set, said before a training wastes itself on it. NumPy and Pillow only."""
