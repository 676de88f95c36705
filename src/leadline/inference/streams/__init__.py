"""Depth of what moves: videos, cameras, network streams, folders of frames in order."""
