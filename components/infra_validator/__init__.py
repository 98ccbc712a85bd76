"""InfraValidator: the SavedModel answers in a clean process that has TensorFlow and none of this project's code."""
