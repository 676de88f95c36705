"""The paper's tables and figures, made anew: from live networks, live trainings and the frames that are there."""
