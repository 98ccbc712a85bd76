"""Run StatisticsGen: `python -m components.statistics_gen`."""

import sys

from components.base import main
from components.statistics_gen.component import COMPONENT

sys.exit(main(COMPONENT))
