"""A progress bar for work that goes on elsewhere: it asks again and again how far that is."""

import contextlib
import sys
import threading

from tqdm import tqdm


@contextlib.contextmanager
def shown(count, total, **bar_options):
    """Show a bar while the body runs, and its last state at the end.

    Args:
        count: a function that returns (how much of `total` is done, dict of further figures to show).
        total: when it is all done.
        bar_options: of tqdm, such as `desc` and `unit`.
    """
    done = threading.Event()
    interval = 1.0 if sys.stderr.isatty() else 15.0  # seconds; a log does not need every one

    def watch():
        with tqdm(total=total, mininterval=interval, **bar_options) as bar:
            while True:
                last = done.wait(interval)
                bar.n, figures = count()
                bar.set_postfix(figures, refresh=False)
                bar.refresh()
                if last:
                    return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
