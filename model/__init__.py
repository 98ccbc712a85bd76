"""The detector's mathematics: losses, networks, input, training and export. Knows tensors, no videos and no pipeline."""
