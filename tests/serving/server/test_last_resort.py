"""The process ends, whatever its threads do."""

import contextlib
import subprocess
import sys
import time

from serving.server.last_resort import LastResort


def test_it_ends_unless_it_is_called_off():
    ended = []
    last = LastResort(lambda: ended.append("cleaned"), ended.append)
    last.within(0.01)
    last.within(30)
    last.call_off()
    time.sleep(0.1)
    assert ended == []
    last.within(0.01)
    time.sleep(0.3)
    assert ended == ["cleaned", 0]


def test_a_failure_to_clean_up_changes_nothing():
    ended = []

    def fail():
        raise OSError

    last = LastResort(fail, ended.append)
    with contextlib.suppress(OSError):
        last.now()
    assert ended == [0]


def test_a_thread_that_never_ends_does_not_hold_the_process():
    code = (
        "import threading; from serving.server.last_resort import LastResort\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "LastResort().within(0.2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "stopped\n") and "given up" in done.stderr
