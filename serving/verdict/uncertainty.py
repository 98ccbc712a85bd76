"""How far a verdict would move if other frames of the same clip had been looked at.

That is what the interval tells, and no more: it does not know how often the model is wrong about clips of a kind that it
has never seen. For that the evaluation's figures stand beside every verdict.
"""

import numpy as np
from scipy.special import expit
from scipy.stats import t as student

LEVEL = 0.95
FEWEST = 4  # frames from which on their own spread is used


def interval(logits, temperature, spread=None):
    """Bound the calibrated probability of a face from how its logit varies from frame to frame.

    mean ± t s / sqrt(n_eff), through sigmoid(· / T). s is the frames' standard deviation; of fewer than `FEWEST` frames it is
    the model's usual one, of the validation split, with the normal distribution's quantile. n_eff = n (1 - r) / (1 + r), with
    r the correlation of neighbouring frames where it is positive: frames of one clip are not independent. Where neighbours
    are much alike (r of 0.8 and more) it still holds the true mean less often than in 95 of 100 clips, in about 90.

    Args:
        logits: of the frames in their order, [n], n >= 1.
        temperature: of the probability.
        spread: `spread` of `model.calibration.calibrate`, or None.

    Returns:
        (low, high), or None where nothing tells: few frames, and no spread of the model's.
    """
    logits = np.asarray(logits, np.float64)
    count = len(logits)
    if count >= FEWEST:
        deviation, effective = logits.std(ddof=1), effective_count(logits)
        reach = student.ppf((1 + LEVEL) / 2, max(effective - 1, 1)) * deviation / np.sqrt(effective)
    elif spread is not None:
        reach = student.ppf((1 + LEVEL) / 2, np.inf) * spread / np.sqrt(count)
    else:
        return None
    middle = logits.mean()
    low, high = expit((middle - reach) / temperature), expit((middle + reach) / temperature)
    return float(low), float(high)


def effective_count(values):
    """How many independent values tell as much of the mean as these, from the correlation of neighbours: 2 to n."""
    centred = values - values.mean()
    square = np.sum(centred**2)
    if square == 0:
        return float(len(values))
    correlation = np.sum(centred[1:] * centred[:-1]) / square
    # Of a short series it comes out too low, by about (1 + 4 r) / n (Marriott and Pope, 1954).
    correlation = np.clip(correlation + (1 + 4 * correlation) / len(values), 0, 0.99)
    return float(max(len(values) * (1 - correlation) / (1 + correlation), 2))
