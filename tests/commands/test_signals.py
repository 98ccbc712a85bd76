"""A signal ends the work, also where its exception was swallowed."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from commands.signals import MOMENT, StopSignals, exit_code

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize("number, code", SIGNALS)
def test_it_raises_and_raises_again_until_it_is_acknowledged(number, code):
    before = signal.getsignal(number)
    with StopSignals() as stop:
        stop.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):  # as if a callback had swallowed it
            stop.check()
        assert stop.acknowledge() == code == exit_code(number)
        stop.check()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number, code", SIGNALS)
def test_it_can_only_be_remembered(number, code):
    seen = []
    with StopSignals(raises=False, on_signal=seen.append) as stop:
        assert stop.number is None
        signal.raise_signal(number)
        assert stop.number == number and seen == [number]


def test_another_one_inside_gives_the_signal_back_to_the_one_around():
    with StopSignals(raises=False) as outer:
        with StopSignals(raises=False) as inner:
            signal.raise_signal(signal.SIGTERM)
        assert inner.number and outer.number is None
        signal.raise_signal(signal.SIGTERM)
        assert outer.number == signal.SIGTERM


def test_in_another_thread_nothing_is_taken():
    before, numbers = signal.getsignal(signal.SIGTERM), []

    def run():
        with StopSignals() as stop:
            numbers.append((stop.number, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert numbers == [(None, before)] and signal.getsignal(signal.SIGTERM) is before


def test_leaving_waits_for_no_thread():
    script = """
import threading, time
from commands.signals import leave
threading.Thread(target=time.sleep, args=[60]).start()
print("saved", end="")
leave(130)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (130, "saved")


def test_what_takes_a_while_to_stop_says_so_at_once(capsys):
    with StopSignals(raises=False, tells=True):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        time.sleep(2 * MOMENT)
    assert capsys.readouterr().err == "stopping ...\n"
    with StopSignals(raises=False, tells=True):
        signal.raise_signal(signal.SIGINT)
    time.sleep(2 * MOMENT)
    assert capsys.readouterr().err == ""
