"""One room per pipeline step: each a spec, an executor and a command line of its own. Knows `model`, not the pipeline."""
