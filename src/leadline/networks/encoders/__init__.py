"""Pre-trained encoders, one file each, behind one contract; `catalog.py` has their names."""
