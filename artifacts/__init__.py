"""What passes between steps: manifests, face examples, predictions, the layout of artifacts, digests, and input errors."""
