"""What must be known of every verdict of a model: what it was trained and tested on, and what a verdict does not tell."""

INTERVAL = (
    "The interval tells how far the probability would move if other frames of the same file had been looked at. It does "
    "not cover kinds of fakes that the model has not seen."
)
NOT_CALIBRATED = "This model is not calibrated: its probabilities rank faces, but 90 % need not mean nine in ten."
NO_CARD = "This model has no card: nothing tells what it was trained and tested on."


def caveats_of(model):
    """Sentences.

    Args:
        model: of `judging.describe`.
    """
    card = model.get("card") or {}
    said = card.get("caveats") or {}
    if isinstance(said, dict):
        said = [f"{dataset}: {sentence}" for dataset, sentence in said.items()]
    sentences = [] if card else [NO_CARD]
    sentences += [_sentence(text) for text in ([said] if isinstance(said, str) else said)]
    if not model.get("calibrated"):
        sentences.append(NOT_CALIBRATED)
    return [*sentences, INTERVAL]


def about(model):
    """One or two lines on a model of `judging.describe`: its name, and what it was trained and tested on."""
    card = model.get("card") or {}
    lines = [f"Model: {model.get('name') or 'model'}" + (f", recipe {card['name']}" if card.get("name") else "")]
    trained = {}
    for row in card.get("trained_on") or []:
        of_dataset = trained.setdefault(row.get("dataset"), {"real": 0, "fake": 0, "methods": []})
        of_dataset["fake" if row.get("label") else "real"] += row.get("videos") or 0
        if row.get("label"):
            of_dataset["methods"].append(str(row.get("method")))
    if trained:
        lines.append("Trained on " + "; ".join(_trained(name, row) for name, row in trained.items()))
    tested = [
        f"{row.get('dataset')} AUC {_figure(row['auc'])}"
        for row in card.get("tested_on") or []
        if row.get("level") == "video" and row.get("method") is None and (row.get("auc") or {}).get("value") is not None
    ]
    if tested:
        lines.append("Tested on " + "; ".join(tested) + " (videos that it was not trained on)")
    return lines


def _trained(name, row):
    methods = f" ({', '.join(row['methods'])})" if row["methods"] else ""
    return f"{name}: {row['real']:,} real and {row['fake']:,} fake videos{methods}"


def _figure(figure):
    text = f"{figure['value']:.3f}"
    if figure.get("low") is not None and figure.get("high") is not None:
        text += f" ({figure['low']:.3f} to {figure['high']:.3f})"
    return text


def _sentence(text):
    text = str(text).strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
