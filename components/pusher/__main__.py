"""Run Pusher: `python -m components.pusher`."""

import sys

from components.base import main
from components.pusher.component import COMPONENT

sys.exit(main(COMPONENT))
