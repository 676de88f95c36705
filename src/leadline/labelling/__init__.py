"""Depth from a teacher: any depth model labels any photographs, and what comes out is an ordinary source of frames."""
