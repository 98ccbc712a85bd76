"""Limits of memory that a process was started with (`ulimit -d`, `ulimit -v`), in words that name the cure.

TensorFlow ends in a crash, in a traceback, or with an error for every file where they are too small.
"""

import resource
import sys

from artifacts.errors import InputError

GIB = 1 << 30
# limit, its flag of `ulimit`, bytes without which nothing runs, bytes that are enough on any machine that was tried
LIMITS = (
    (resource.RLIMIT_DATA, "-d", 1 * GIB, 4 * GIB),
    (resource.RLIMIT_AS, "-v", 4 * GIB, 16 * GIB),
)


def check_memory_limits() -> None:
    """Refuse limits with which TensorFlow cannot run, and warn on standard error of those with which it may not.

    Raises:
        InputError: a limit is too small.
    """
    for number, flag, least, enough in LIMITS:
        given = resource.getrlimit(number)[0]
        if given == resource.RLIM_INFINITY or given >= enough:
            continue
        what = f"ulimit {flag} {given >> 10}: this process may take no more than {given / GIB:.2g} GiB of memory"
        cure = f"Raise the limit ('ulimit {flag} unlimited' or {enough >> 10}), where it was set"
        if given < least:
            raise InputError(f"{what}, and TensorFlow needs more. {cure}")
        print(f"note: {what}, which may be too little for TensorFlow. {cure}, if it fails", file=sys.stderr)


def lower_data_limit(most: int) -> int:
    """Limit the memory that this process may allocate, to what it may allocate already where that is less.

    Args:
        most: bytes.

    Returns:
        The limit, bytes.
    """
    given = [limit for limit in resource.getrlimit(resource.RLIMIT_DATA) if limit != resource.RLIM_INFINITY]
    least = min([most, *given])
    resource.setrlimit(resource.RLIMIT_DATA, (least, least))
    return least
