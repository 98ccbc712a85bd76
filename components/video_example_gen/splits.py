"""Dividing videos among splits so that nobody is in two of them."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace

from artifacts.manifest import LABELS, SPLITS


def assign_splits(videos, fractions, seed=0):
    """Give a split to every video that has none.

    Videos that share people, directly or through others, stay together. Where that ties most of the videos into one
    knot (Celeb-DF, whose 59 people are swapped with each other), people are divided instead if more splits get both
    classes that way, and a video whose people fall into different splits is left out. Videos that tell no people
    stand alone.

    Args:
        videos: those with a split keep it, and videos that share people with them follow.
        fractions: split -> the wanted share; shares are relative to each other. A split with 0, or absent, gets none:
            `{"train": 8, "val": 1}` carves a validation set out of what is not test.
        seed: another seed, another division; the same seed, the same one, whatever the order of the videos.

    Returns:
        The videos that can be used, and a dict: id -> why a video is left out.
    """
    fractions = {split: fractions[split] for split in SPLITS if fractions.get(split, 0) > 0}
    videos = sorted(videos, key=lambda video: video.video_id)
    fixed, left_out = [video for video in videos if video.split], _left_out(videos, fractions)
    known = [video for video in fixed if video.split in fractions]
    waiting = [video for video in videos if not video.split and video.video_id not in left_out]

    units = _components(known + waiting)
    divided, crossing = _divide(known, waiting, units, fractions, seed)
    knot = _knot(waiting, units)
    if knot:
        people = {v.video_id: v.identities if units[v.video_id] == knot else units[v.video_id] for v in known + waiting}
        by_people = _divide(known, waiting, people, fractions, seed)
        size = sum(units[video.video_id] == knot for video in waiting)
        # With few people most fakes would cross, and nothing would be won: then the knot is better kept whole.
        if len(by_people[1]) - len(crossing) <= size / 2 and _filled(fixed + by_people[0]) > _filled(fixed + divided):
            divided, crossing = by_people
    return fixed + divided, left_out | crossing


def _filled(videos):
    """How many splits have real videos, plus how many have fakes."""
    return len({(video.split, video.label) for video in videos})


def _left_out(videos, fractions):
    """id -> why, for videos that cannot go anywhere, whatever becomes of the others."""
    if not fractions:
        return {video.video_id: "no split is wanted" for video in videos if not video.split}
    where = defaultdict(set)
    for video in videos:
        for identity in video.identities if video.split else ():
            where[identity].add(video.split)
    taken = {v.video_id: set().union(*(where.get(i, ()) for i in v.identities)) for v in videos if not v.split}
    return {name: _reason(splits) for name, splits in taken.items() if len(splits) > 1 or splits - set(fractions)}


def shared_identities(videos):
    """Count the people that two splits share.

    Returns:
        (split, split) -> how many, for pairs that share any.
    """
    where = defaultdict(set)
    for video in videos:
        for identity in video.identities:
            where[identity].add(video.split)
    pairs = [(a, b) for i, a in enumerate(SPLITS) for b in SPLITS[i + 1 :]]
    counts = {(a, b): sum(a in found and b in found for found in where.values()) for a, b in pairs}
    return {pair: count for pair, count in counts.items() if count}


def _components(videos):
    """video id -> (the name of its connected component,); components are joined by people."""
    parent = {}

    def top(node):
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for video in videos:
        first = top(_nodes(video)[0])
        for node in _nodes(video)[1:]:
            low, high = sorted((first, top(node)))
            parent[high] = first = low  # the smallest name wins, so that the order of the videos does not matter
    return {video.video_id: (top(_nodes(video)[0]),) for video in videos}


def _nodes(video):
    return video.identities or (video.video_id,)


def _knot(waiting, units):
    """The component that holds more than half of the videos to divide, if it can be taken apart; else None."""
    if not waiting:
        return None
    (unit, size), *_ = Counter(units[video.video_id] for video in waiting).most_common(1)
    people = {identity for video in waiting if units[video.video_id] == unit for identity in video.identities}
    return unit if size > len(waiting) / 2 and len(people) > 1 else None


def _divide(known, waiting, units, fractions, seed):
    """Divide units (video id -> its units) among the splits, and the waiting videos along with them."""
    pins, have = defaultdict(set), Counter()
    for video in known:
        have[video.split, video.label] += 1
        for unit in units[video.video_id]:
            pins[unit].add(video.split)
    weights = defaultdict(lambda: [0.0, 0.0])
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
        splits = set().union(*(place[unit] for unit in units[video.video_id]))
        if len(splits) == 1:
            divided.append(replace(video, split=min(splits)))
        else:
            left_out[video.video_id] = _reason(splits)
    return divided, left_out


def _reason(splits):
    return f"its people are in {' and '.join(split for split in SPLITS if split in splits)}"


def _fill(weights, fractions, have, seed):
    """Return unit -> split, for units that are free to go anywhere.

    Args:
        weights: unit -> (real videos, fake videos).
        fractions: split -> share, all positive.
        have: (split, label) -> videos that are there already.
        seed: of the order among units of one size.
    """
    total = [sum(w[c] for w in weights.values()) + sum(have[s, c] for s in fractions) for c in LABELS]
    target = {(s, c): total[c] * share / sum(fractions.values()) for s, share in fractions.items() for c in LABELS}
    have = Counter(have)
    waiting = dict.fromkeys(sorted(weights, key=lambda unit: (-sum(weights[unit]), _hash(seed, unit))))
    order = sorted(fractions, key=fractions.get, reverse=True)
    place = {}

    def put(unit, split):
        place[unit] = split
        have.update({(split, c): weights[unit][c] for c in LABELS})
        del waiting[unit]

    # First every split gets something of both classes, the largest split from the large units, the others from the
    # small ones; then each unit, the large ones first, goes where it lessens the squared distance to the targets most.
    for split in order:
        for label in LABELS:
            candidates = [unit for unit in waiting if weights[unit][label]]
            if candidates and not have[split, label]:
                put(candidates[0 if split == order[0] else -1], split)
    for unit in list(waiting):
        put(unit, min(fractions, key=lambda split: _cost(weights[unit], split, have, target)))
    return place


def _cost(weight, split, have, target):
    """By how much the squared distance to the targets, relative to them, grows when a unit goes to a split."""
    return sum(
        weight[c] * (2 * (have[split, c] - target[split, c]) + weight[c]) / target[split, c]
        for c in LABELS
        if weight[c]
    )


def _hash(seed, text):
    return hashlib.blake2b(f"{seed}/{text}".encode(), digest_size=8).digest()
