"""Typed parameters of components and commands."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Base of all parameters: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
