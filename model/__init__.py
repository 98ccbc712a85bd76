"""The detector's mathematics: losses, networks, input, training, export. Knows tensors and files of face examples."""
