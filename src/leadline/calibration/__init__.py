"""A model's metres, corrected once for the camera and the rooms where it works."""
