"""Pusher: hand a blessed model to the folder that a model server watches."""
