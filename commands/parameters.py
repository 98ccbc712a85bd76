"""Typed parameters of components and commands."""

from typing import Self

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Base of all parameters: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def resolved(self) -> Self:
        """Return the same with everything filled in that a field left to something else, such as a recipe."""
        return self
