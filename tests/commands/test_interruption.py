"""A signal ends the work, also where its exception was swallowed."""

import signal

import pytest

from commands.interruption import Interruption


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_raises_and_raises_again_until_it_is_taken(number, code):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        interruption.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):  # as if a callback had swallowed it
            interruption.check()
        assert interruption.taken() == code
        interruption.check()
    assert signal.getsignal(number) is before
