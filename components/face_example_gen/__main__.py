"""python -m components.face_example_gen: the extraction alone, e.g. as one job on a cluster."""

import sys

from components.base import main
from components.face_example_gen.component import COMPONENT

sys.exit(main(COMPONENT))
