"""Run ExampleValidator: `python -m components.example_validator`."""

import sys

from components.base import main
from components.example_validator.component import COMPONENT

sys.exit(main(COMPONENT))
