"""Run Trainer: `python -m components.trainer`."""

import sys

from components.base import main
from components.trainer.component import COMPONENT

sys.exit(main(COMPONENT))
