"""Beam's arguments for each engine of the config."""


def beam_args(engine):
    """Return the arguments for an `Engine`. The runner is always named: the default differs from machine to machine."""
    if engine.runner == "beam":
        return engine.beam_args
    if engine.runner == "multi_process":
        workers = f"--direct_num_workers={engine.workers}"
        quiet = "--default_sdk_harness_log_level=WARNING"
        return ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", workers, quiet)
    return ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
