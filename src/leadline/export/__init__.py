"""Models for other runtimes, each proven equal before it is kept."""
