"""What InfraValidator asks of a SavedModel; the same that the server asks of a new version, see `model.probe`."""

from model.probe import probe, project_modules

__all__ = ["probe", "project_modules"]
