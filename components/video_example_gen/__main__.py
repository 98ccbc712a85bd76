"""Run VideoExampleGen: `python -m components.video_example_gen`."""

import sys

from components.base import main
from components.video_example_gen.component import COMPONENT

sys.exit(main(COMPONENT))
