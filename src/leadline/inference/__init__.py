"""From photographs to depth maps. NumPy, Pillow and a runtime; torch only for models that are torch's."""
