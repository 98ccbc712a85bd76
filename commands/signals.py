"""The orderly end of a training that was asked to stop."""

import signal


class Interrupted(Exception):
    """Training was asked to stop by a signal; its state is saved and the same command goes on from there.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number, step):
        super().__init__(f"stopped by {signal.Signals(number).name} after step {step}; its state is saved")
        self.number = number
