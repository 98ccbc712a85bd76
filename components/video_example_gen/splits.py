"""Assign videos to splits so that no person appears in two of them."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from artifacts.manifest import LABELS, SPLITS, Video

# What is assigned as a whole: a component of people and videos that are linked, or a single person. A video belongs to
# one component, or to each of its people.
Units = Mapping[str, Sequence[str]]  # video id -> the names of its units
LeftOut = dict[str, str]  # video id -> why the video is left out


def assign_splits(
    videos: Iterable[Video], fractions: Mapping[str, float], seed: int = 0
) -> tuple[list[Video], LeftOut]:
    """Give a split to every video that has none.

    Videos that share people, directly or through other videos, stay together. Where this ties most of the videos into
    one knot (Celeb-DF, whose 59 people are swapped with each other), people are assigned instead of whole groups if
    more splits get both classes that way; a video whose people end up in different splits is left out. A video without
    known people is assigned by itself.

    Args:
        videos: those with a split keep it, and videos that share people with them follow.
        fractions: split -> wanted share; shares are relative to each other. A split with share 0, or absent, gets
            none: `{"train": 8, "val": 1}` carves a validation set out of what is not test.
        seed: another seed gives another division; the same seed gives the same one, whatever the order of the videos.

    Returns:
        The videos that can be used, and why each other one is left out.
    """
    fractions = {split: fractions[split] for split in SPLITS if fractions.get(split, 0) > 0}
    videos = sorted(videos, key=lambda video: video.video_id)
    fixed, left_out = [video for video in videos if video.split], _left_out(videos, fractions)
    known = [video for video in fixed if video.split in fractions]
    waiting = [video for video in videos if not video.split and video.video_id not in left_out]

    components = _components(known + waiting)
    divided, crossing = _divide(known, waiting, components, fractions, seed)
    knot = _knot(waiting, components)
    if knot:
        people = {
            video.video_id: video.identities if components[video.video_id] == (knot,) else components[video.video_id]
            for video in known + waiting
        }
        divided_by_people, crossing_people = _divide(known, waiting, people, fractions, seed)
        size = sum(components[video.video_id] == (knot,) for video in waiting)
        # With few people most fakes would cross, and nothing would be gained: then the knot stays whole.
        few_lost = len(crossing_people) - len(crossing) <= size / 2
        if few_lost and _filled(fixed + divided_by_people) > _filled(fixed + divided):
            divided, crossing = divided_by_people, crossing_people
    return fixed + divided, left_out | crossing


def shared_identities(videos: Iterable[Video]) -> dict[tuple[str, str], int]:
    """Count the people that two splits share.

    Returns:
        (split, split) -> number of people, for pairs that share any.
    """
    where = defaultdict(set)
    for video in videos:
        for identity in video.identities:
            where[identity].add(video.split)
    pairs = [(a, b) for i, a in enumerate(SPLITS) for b in SPLITS[i + 1 :]]
    counts = {(a, b): sum(a in found and b in found for found in where.values()) for a, b in pairs}
    return {pair: count for pair, count in counts.items() if count}


def _filled(videos: Iterable[Video]) -> int:
    """Return how many splits have real videos, plus how many have fakes."""
    return len({(video.split, video.label) for video in videos})


def _left_out(videos: Iterable[Video], fractions: Collection[str]) -> LeftOut:
    """Find the videos that cannot go anywhere, whatever happens to the others, and say why."""
    waiting = [video for video in videos if not video.split]
    if not fractions:
        return {video.video_id: "no split is wanted" for video in waiting}
    splits_of_person = defaultdict(set)
    for video in videos:
        for identity in video.identities if video.split else ():
            splits_of_person[identity].add(video.split)
    left_out = {}
    for video in waiting:
        splits = {split for identity in video.identities for split in splits_of_person.get(identity, ())}
        if len(splits) > 1 or splits - set(fractions):
            left_out[video.video_id] = _reason(splits)
    return left_out


def _reason(splits: Collection[str]) -> str:
    return f"its people are in {' and '.join(split for split in SPLITS if split in splits)}"


def _components(videos: Sequence[Video]) -> dict[str, tuple[str]]:
    """Return video id -> (name of its connected component,); videos are connected by the people they share.

    A component is named after its smallest member, so that the name does not depend on the order of the videos.
    """
    if not videos:
        return {}
    members = [video.identities or (video.video_id,) for video in videos]
    nodes = sorted({node for names in members for node in names})
    number = {node: index for index, node in enumerate(nodes)}
    edges = np.array([(number[names[0]], number[name]) for names in members for name in names])
    graph = coo_array((np.ones(len(edges), bool), edges.T), shape=(len(nodes), len(nodes)))
    _, labels = connected_components(graph, directed=False)
    names_of_components: dict[int, str] = {}
    for node, label in zip(nodes, labels.tolist(), strict=True):
        names_of_components.setdefault(label, node)
    return {
        video.video_id: (names_of_components[labels[number[names[0]]]],)
        for video, names in zip(videos, members, strict=True)
    }


def _knot(waiting: Sequence[Video], components: Mapping[str, tuple[str]]) -> str | None:
    """Return the component that holds more than half of the videos to assign, if it can be taken apart; else None."""
    if not waiting:
        return None
    ((name,), size), *_ = Counter(components[video.video_id] for video in waiting).most_common(1)
    people = {identity for video in waiting if components[video.video_id] == (name,) for identity in video.identities}
    return name if size > len(waiting) / 2 and len(people) > 1 else None


def _divide(
    known: Iterable[Video], waiting: Iterable[Video], units: Units, fractions: Mapping[str, float], seed: int
) -> tuple[list[Video], LeftOut]:
    """Assign units to splits, and the waiting videos along with them.

    Returns:
        The waiting videos, each with its split, and those left out because their units are in different splits.
    """
    pins: defaultdict[str, set[str]] = defaultdict(set)
    have: defaultdict[tuple[str, int], float] = defaultdict(float)
    for video in known:
        have[video.split, video.label] += 1
        for unit in units[video.video_id]:
            pins[unit].add(video.split)
    weights: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for video in waiting:
        own = units[video.video_id]
        for unit in own:
            if unit not in pins:
                weights[unit][video.label] += 1 / len(own)
            elif len(pins[unit]) == 1:
                have[min(pins[unit]), video.label] += 1 / len(own)
    place = pins | {unit: {split} for unit, split in _fill(weights, fractions, have, seed).items()}

    divided, left_out = [], {}
    for video in waiting:
        splits = {split for unit in units[video.video_id] for split in place[unit]}
        if len(splits) == 1:
            divided.append(replace(video, split=min(splits)))
        else:
            left_out[video.video_id] = _reason(splits)
    return divided, left_out


def _fill(
    weights: Mapping[str, Sequence[float]],
    fractions: Mapping[str, float],
    have: Mapping[tuple[str, int], float],
    seed: int,
) -> dict[str, str]:
    """Return unit -> split, for units that are free to go anywhere.

    First every split gets something of both classes: the largest split from the large units, the others from the small
    ones. Then each remaining unit, large ones first, goes where it reduces the squared distance to the targets most.

    Args:
        weights: unit -> (real videos, fake videos).
        fractions: split -> share, all positive.
        have: (split, label) -> videos that are there already.
        seed: decides the order among units of one size.
    """
    have = defaultdict(float, have)
    targets = {}
    for label in LABELS:
        total = sum(weight[label] for weight in weights.values()) + sum(have[split, label] for split in fractions)
        for split, share in fractions.items():
            targets[split, label] = total * share / sum(fractions.values())
    waiting = sorted(weights, key=lambda unit: (-sum(weights[unit]), _hash(seed, unit)))
    largest_first = sorted(fractions, key=lambda split: fractions[split], reverse=True)
    place: dict[str, str] = {}

    def put(unit: str, split: str) -> None:
        place[unit] = split
        for label in LABELS:
            have[split, label] += weights[unit][label]

    for split in largest_first:
        for label in LABELS:
            candidates = [unit for unit in waiting if unit not in place and weights[unit][label]]
            if candidates and not have[split, label]:
                put(candidates[0 if split == largest_first[0] else -1], split)
    for unit in waiting:
        if unit not in place:
            costs = {split: _cost(weights[unit], split, have, targets) for split in fractions}
            put(unit, min(costs, key=lambda split: costs[split]))
    return place


def _cost(
    weight: Sequence[float],
    split: str,
    have: Mapping[tuple[str, int], float],
    targets: Mapping[tuple[str, int], float],
) -> float:
    """Return by how much the squared distance to the targets, relative to them, grows when a unit goes to a split."""
    cost = 0.0
    for label in LABELS:
        if weight[label]:
            target = targets[split, label]
            cost += weight[label] * (2 * (have[split, label] - target) + weight[label]) / target
    return cost


def _hash(seed: int, text: str) -> bytes:
    return hashlib.blake2b(f"{seed}/{text}".encode(), digest_size=8).digest()
