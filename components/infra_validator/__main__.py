"""Run InfraValidator: `python -m components.infra_validator`."""

import sys

from components.base import main
from components.infra_validator.component import COMPONENT

sys.exit(main(COMPONENT))
