"""Trainer: a recipe and face examples in, a model out."""
