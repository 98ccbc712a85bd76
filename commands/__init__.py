"""What all command lines share: parameters, flags, error messages, progress, signals."""
