"""What the benchmarks share: options, the machine's description, timing in turns, and the JSON they write."""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from artifacts.errors import InputError
from artifacts.writing import check_writable
from commands.output_files import OutputFile, check_existing
from commands.parser import CommandParser

Result = TypeVar("Result")


def parser(module: str, text: str, passes_on: bool = False) -> argparse.ArgumentParser:
    """Create an argument parser with the options that every benchmark has.

    Args:
        module: the benchmark's, without its package.
        text: what it measures, for `--help`.
        passes_on: further options go to somebody else.
    """
    result = CommandParser(prog=f"python -m benchmarks.{module}", description=text, passes_on=passes_on)
    result.add_argument(
        "--quick", action="store_true", help="small and short: a check that it works, not a measurement"
    )
    result.add_argument(
        "--json",
        metavar="FILE",
        type=_result_file,
        help="write the ratios, the figures and the machine to this file; it replaces no file but earlier results",
    )
    return result


def _result_file(path: str) -> str:
    """Check that results may be written to a file, before anything is measured."""
    try:
        check_existing(OutputFile("--json", path, _is_result))
        check_writable(path)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error).replace(", or --overwrite to replace it", "")) from error
    return path


def _is_result(path: str) -> bool:
    with open(path) as stream:
        found = json.load(stream)
    return isinstance(found, dict) and {"ratios", "figures", "machine"} <= found.keys()


def machine() -> dict[str, str | int]:
    """Describe the machine on which the figures are measured."""
    with open("/proc/cpuinfo") as stream:
        models = [line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def write_json(path: str | None, ratios: Mapping[str, float], figures: Mapping[str, Any]) -> None:
    """Write what a benchmark found to `path`, if one was given."""
    if path:
        with open(path, "w") as stream:
            json.dump({"ratios": ratios, "figures": figures, "machine": machine()}, stream, indent=1)
            stream.write("\n")


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each contender once per round, in turns, so that a noisy machine disturbs all alike.

    Args:
        contenders: name -> a function without arguments.
        rounds: how many count; one more, the first, does not.

    Returns:
        name -> its time in seconds in each round.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, function in contenders.items():
            began = time.perf_counter()
            function()
            if number:
                times[name].append(time.perf_counter() - began)
    return times


def median_ratio(times: Mapping[str, Sequence[float]], name: str, peer: str) -> float:
    """Return the median over rounds of one contender's time divided by a peer's in the same round."""
    return statistics.median(a / b for a, b in zip(times[name], times[peer], strict=True))


def in_own_process(function: Callable[..., Result], *arguments: Any, what: str) -> Result:
    """Call a function in a fresh process, so that its memory is its own, and return what it returns.

    Args:
        function: a module's function; it, its arguments and its result can be pickled.
        arguments: of the function.
        what: is measured, for the message.

    Raises:
        SystemExit: the process ended without a result, for example because memory ran out.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        result: Result = receiver.recv()
        return result
    except EOFError:
        process.join()
        raise SystemExit(f"error: {what} ended with {process.exitcode}: too little memory?") from None
    finally:
        process.join()


def _send(sender: Connection, function: Callable[..., object], arguments: Sequence[Any]) -> None:
    sender.send(function(*arguments))


def resident(which: str) -> float:
    """Return this process's resident memory in MiB: "VmRSS" now, "VmHWM" at its peak."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) / 1024 for line in stream if line.startswith(which + ":"))
