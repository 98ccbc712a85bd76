"""How far a verdict would move if other frames of the same clip had been examined.

The interval tells this and no more: it does not know how often the model is wrong about clips of a kind that it has
never seen. For that, every verdict shows the evaluation's figures, too.
"""

import numpy as np
from scipy.special import expit
from scipy.stats import t as student

LEVEL = 0.95
FEWEST = 4  # frames; with fewer, their own standard deviation is not used
RANGE_FROM = 8  # frames; from so many on, the mean of the clip is taken to lie within their range


def interval(logits: np.ndarray, temperature: float, spread: float | None = None) -> tuple[float, float] | None:
    """Bound the calibrated probability of a face from how its logit varies between frames.

    The interval is mean ± t s / sqrt(n_eff), through sigmoid(· / T). s is the standard deviation of the frames; with
    fewer than `FEWEST` frames it is the model's usual one, of the validation split, with the quantile of the normal
    distribution. n_eff = n (1 - r) / (1 + r), with r the correlation of neighbouring frames where it is positive:
    frames of one clip are not independent. Where neighbours are very alike (r of 0.8 and more) the interval still holds
    the true mean less often than in 95 of 100 clips, namely in about 90. With `RANGE_FROM` frames and more, it ends
    at the lowest and the highest of them: a slow drift leaves so few independent frames that Student's t alone would
    reach far beyond any score that was seen.

    Args:
        logits: of the frames in their order, float [n], n >= 1.
        temperature: of the probability.
        spread: the model's usual standard deviation, see `model.saved_model.Calibration`, or None.

    Returns:
        (low, high); None with few frames and no spread.
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
    low, high = middle - reach, middle + reach
    if count >= RANGE_FROM:
        low, high = max(low, logits.min()), min(high, logits.max())
    return float(expit(low / temperature)), float(expit(high / temperature))


def effective_count(values: np.ndarray) -> float:
    """How many independent values would tell as much about the mean, by the correlation of neighbours: from 2 to n.

    Args:
        values: float64 [n], n >= 2.
    """
    centred = values - values.mean()
    square = np.sum(centred**2)
    if square == 0:
        return float(len(values))
    correlation = np.sum(centred[1:] * centred[:-1]) / square
    # In a short series this is too low, by about (1 + 4 r) / n (Marriott and Pope, 1954).
    correlation = np.clip(correlation + (1 + 4 * correlation) / len(values), 0, 0.99)
    return float(max(len(values) * (1 - correlation) / (1 + correlation), 2))
