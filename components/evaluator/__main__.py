"""python -m components.evaluator."""

import sys

from components.base import main
from components.evaluator.component import COMPONENT

sys.exit(main(COMPONENT))
