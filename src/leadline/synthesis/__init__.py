"""Rooms out of nothing: procedural indoor scenes with exact depth, written as an ordinary source of frames."""
