"""What both trainings share on the command line; without torch, so that `--help` works anywhere."""

import argparse


def parser(text: str) -> argparse.ArgumentParser:
    """Create a parser with the options that both trainings have."""
    result = argparse.ArgumentParser(description=text)
    result.add_argument("--data", required=True, help="folder of the pack")
    result.add_argument("--out", required=True, help="where results go")
    result.add_argument("--dtype", default="bfloat16", help="of the activations (default: %(default)s)")
    result.add_argument("--device", default="cuda")
    result.add_argument("--limit", type=int, help="crops of each split; for trials")
    return result
