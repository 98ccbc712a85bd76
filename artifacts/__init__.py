"""What passes between steps: manifests, face examples, predictions, their layout and digests, and input errors."""
