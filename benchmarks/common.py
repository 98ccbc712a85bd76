"""What the benchmarks share: their command line's common part, the machine's description, and the JSON they write."""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time


def parser(module, text):
    """An argument parser with the options that every benchmark has."""
    result = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{module}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--quick", action="store_true", help="small and short: to see that it works, not to measure")
    result.add_argument("--json", metavar="FILE", help="write ratios, figures and the machine there")
    return result


def machine():
    """What the figures were measured on."""
    with open("/proc/cpuinfo") as stream:
        models = [line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def write_json(path, ratios, figures):
    """Write what a benchmark found, if a path was given."""
    if path:
        with open(path, "w") as stream:
            json.dump({"ratios": ratios, "figures": figures, "machine": machine()}, stream, indent=1)
            stream.write("\n")


def interleaved(contenders, rounds):
    """Time each contender once per round, in turns, so that a noisy machine disturbs all alike.

    Args:
        contenders: name -> a function without arguments.
        rounds: how often; one more, first, is not counted.

    Returns:
        name -> its times in seconds, a list.
    """
    times = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, function in contenders.items():
            began = time.perf_counter()
            function()
            if number:
                times[name].append(time.perf_counter() - began)
    return times


def median_ratio(times, name, peer):
    """The median over rounds of one contender's time by a peer's in the same round."""
    return statistics.median(a / b for a, b in zip(times[name], times[peer], strict=True))


def in_own_process(function, *arguments, what):
    """Call a function in a fresh process, so that its memory is its own, and return what it returns.

    Args:
        function: of a module, with arguments and a result that can be pickled.
        what: is measured, for the message.

    Raises:
        SystemExit: the process ended without a result, as it does where the memory is too little.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"error: {what} ended with {process.exitcode}: too little memory?") from None
    finally:
        process.join()


def _send(sender, function, arguments):
    sender.send(function(*arguments))


def resident(which):
    """This process's resident memory in MiB: VmRSS is what it has now, VmHWM its peak."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) / 1024 for line in stream if line.startswith(which + ":"))
