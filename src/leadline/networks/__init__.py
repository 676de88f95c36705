"""From pixels to metres: encoder -> decoder -> depth head = DepthNet."""
