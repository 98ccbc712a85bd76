"""Statistics with nothing wrong, and the packaged schema."""

import pytest

from components.example_validator.schema import DEFAULT_SCHEMA, load_schema
from tests.fixtures.statistics import clean_statistics


@pytest.fixture
def clean():
    return clean_statistics()


@pytest.fixture
def schema():
    return load_schema(DEFAULT_SCHEMA)
