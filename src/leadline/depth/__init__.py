"""What a depth map is: metres, a camera, files and colours. NumPy and Pillow only."""
