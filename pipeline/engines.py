"""Beam's arguments for each engine of the config; the place where Flink's and other clusters' options enter."""

from pipeline.config_schema import Engine


def beam_args(engine: Engine) -> tuple[str, ...]:
    """Return Beam's arguments for an engine.

    The runner is always named, since Beam's default differs from machine to machine. Options of a cluster, such as
    `--flink_master`, are the config's `engine.beam_args` and pass through unchanged.
    """
    if engine.runner == "beam":
        return engine.beam_args
    if engine.runner == "multi_process":
        workers = f"--direct_num_workers={engine.workers}"
        quiet = "--default_sdk_harness_log_level=WARNING"
        return ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", workers, quiet)
    return ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
