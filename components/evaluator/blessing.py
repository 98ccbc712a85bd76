"""Whether a model's figures reach the thresholds."""


def judge(metrics, thresholds):
    """Hold metrics against thresholds.

    Returns:
        (blessed, list of sentences): without a threshold nothing is blessed.
    """
    if not thresholds:
        return False, ["no threshold is set (components.Evaluator.thresholds), so nothing can be blessed"]
    blessed, reasons = True, []
    for threshold in thresholds:
        subject = " ".join(
            filter(None, (threshold.dataset, threshold.method, threshold.level, threshold.metric.upper()))
        )
        figures = lookup(metrics, threshold)
        value = figures[threshold.metric] if figures else None
        passed = value is not None and value >= threshold.min
        if value is None:
            why = figures["reason"] if figures else "the test split holds no such data set or method"
            reasons.append(f"{subject} cannot be computed ({why}); {threshold.min} is asked for")
        else:
            reasons.append(f"{subject} {value:.4f} is {'at least' if passed else 'below'} {threshold.min}")
        blessed &= passed
    return blessed, reasons


def lookup(metrics, threshold):
    """The figures that a threshold is about, or None if there are no such data set or method in the metrics."""
    level = metrics[threshold.level]
    if threshold.dataset == "all":
        return level["all"]
    figures = level["datasets"].get(threshold.dataset)
    return figures["methods"].get(threshold.method) if figures and threshold.method else figures
