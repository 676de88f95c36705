"""From photographs to depth maps. NumPy, Pillow and ONNX Runtime; torch only for models that are torch's."""
