"""Teaching a network: the loop, its checkpoints, its log and its guards."""
