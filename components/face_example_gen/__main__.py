"""Run FaceExampleGen: `python -m components.face_example_gen`."""

import sys

from components.base import main
from components.face_example_gen.component import COMPONENT

sys.exit(main(COMPONENT))
