"""What the list of videos alone tells about a run, before hours go into faces and training."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from artifacts.manifest import LABELS, Video
from components.example_validator.schema import DEFAULT_SCHEMA, load_schema
from evaluation.blessing import Threshold
from evaluation.vocabulary import FIGURES
from pipeline.config_schema import PipelineConfig

Counts = Counter[tuple[str, str, str, int]]  # data set, method, split, label -> videos


def count_videos(videos: Iterable[Video]) -> Counts:
    """Count the videos of a manifest by data set, method, split and label."""
    return Counter((video.dataset, video.method, video.split, video.label) for video in videos)


def problems(counts: Counts, config: PipelineConfig, components: Collection[str]) -> list[str]:
    """Return a sentence, with its cure, for everything that would make a later component fail.

    Args:
        counts: of `count_videos`.
        config: of the run.
        components: names of those that are going to run.
    """
    found: list[str] = []
    if "ExampleValidator" in components:
        found += _too_few(counts, config)
    if "Evaluator" in components:
        for index, threshold in enumerate(config.components.Evaluator.thresholds):
            found += _untested(counts, threshold, f"components.Evaluator.thresholds.{index}")
    return found


def _too_few(counts: Counts, config: PipelineConfig) -> Iterator[str]:
    file = config.components.ExampleValidator.schema_file
    schema = load_schema(file or DEFAULT_SCHEMA)
    for split in dict.fromkeys(["train", *schema.required_splits]):
        needed = schema.min_videos_per_class.get(split, 1)
        there = {
            label: sum(n for (*_, inside, of), n in counts.items() if (inside, of) == (split, label))
            for label in LABELS
        }
        if min(there.values()) < needed:
            where = f"min_videos_per_class in {file}" if file else "the packaged schema"
            yield (
                f"components.VideoExampleGen: split {split} has {_in_words(there)} videos, and {where} asks for "
                f"{needed} of each. Add data, change split_fractions or the data sets' own splits, or set "
                f"components.ExampleValidator.schema_file to a schema that asks for less"
            )


def _untested(counts: Counts, threshold: Threshold, where: str) -> Iterator[str]:
    there = dict.fromkeys(LABELS, 0)
    for (dataset, method, split, label), number in counts.items():
        of_method = threshold.method is None or label == 0 or method == threshold.method
        if split == "test" and threshold.dataset in ("all", dataset) and of_method:
            there[label] += number
    figure = FIGURES[threshold.metric]
    needs_both = figure.basis == "ranking" or threshold.metric.startswith("balanced")
    needed = [1] if threshold.method else []
    if needs_both:
        needed = list(LABELS)
    if not any(there.values()) or not all(there[label] for label in needed):
        about = " ".join(word for word in (threshold.dataset, threshold.method) if word)
        yield (
            f"{where}: {figure.name} of {about} cannot be computed from {_in_words(there)} test videos. "
            "Add data, change the split, or take the threshold out"
        )


def _in_words(there: dict[int, int]) -> str:
    return " and ".join(f"{there[label]} {name}" for label, name in LABELS.items())
