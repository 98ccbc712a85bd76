"""What users must know about a model's verdicts: what it was trained and tested on, and what verdicts do not tell."""

from collections.abc import Iterator, Mapping

from evaluation.vocabulary import READOUTS
from serving.verdict.verdict_json import Json, ModelDescription

AUC = "AUC 1 tells all fakes from reals, 0.5 guesses"
INTERVAL = (
    "The interval shows how far the probability would move if other frames of the same file had been examined. It "
    "does not cover kinds of fakes that the model has not seen."
)
NOT_CALIBRATED = (
    "This model is not calibrated ({}): its probabilities rank faces, but 90 % need not mean that nine in ten are fake."
)
NO_PREPROCESSING = (
    "This model does not say how its training faces were cut out. FaceExampleGen's defaults are assumed; scores of "
    "crops that are cut otherwise mean little."
)
READY_CROPS = (
    "This model learnt, at least in part, from crops that were cut elsewhere: scores of faces that are found and cut "
    "out here may mean less than its test figures say."
)
ONE_FACE_EACH = (
    "Its test and its calibration are of single faces, one of each video: how often a verdict over many frames of a "
    "clip is right was not measured."
)
NO_CARD = "This model has no card: what it was trained and tested on is not known."


def caveats_of(model: ModelDescription) -> list[str]:
    """Sentences that belong to every verdict of a model."""
    card = model["card"] or {}
    caveats = card.get("caveats") or {}
    if isinstance(caveats, dict):
        caveats = [f"{dataset}: {sentence}" for dataset, sentence in caveats.items()]
    elif isinstance(caveats, str):
        caveats = [caveats]
    sentences = [] if card else [NO_CARD]
    sentences += [_sentence(text) for text in caveats]
    if tests_one_face_each(card):
        sentences.append(ONE_FACE_EACH)
    if model["preprocessing"] is None:
        sentences.append(NO_PREPROCESSING)
    elif model["preprocessing"].get("ready_crops"):
        sentences.append(READY_CROPS)
    if (readout := model.get("readout")) in ("class_means", "logistic"):
        sentences.append(READOUTS[readout])
    if not model["calibrated"]:
        sentences.append(NOT_CALIBRATED.format(model["calibration_problem"]))
    return [*sentences, INTERVAL]


def about(model: ModelDescription) -> list[str]:
    """Lines on a model: its name, and what it was trained and tested on. Any part of a card may be missing."""
    card = model["card"] or {}
    lines = [f"Model: {model['name']}" + (f", recipe {card['name']}" if card.get("name") else "")]
    if card.get("origin"):
        lines.append(f"Made by {card['origin']}")
    trained = _trained_on(card)
    if trained:
        lines.append("Trained on " + "; ".join(trained))
    tested = list(_tested_on(card))
    if tested:
        lines.append("Tested on " + "; ".join(tested) + f" ({'; '.join(('videos that it was not trained on', AUC))})")
    return lines


def tests_one_face_each(card: Json) -> bool:
    """Whether a model was tested on a single face of each video: then it has as many faces as videos, of each kind."""
    rows = [row for row in card.get("tested_on") or [] if row.get("method") is None]
    of = {
        level: {row.get("dataset"): (row.get("real"), row.get("fake")) for row in rows if row.get("level") == level}
        for level in ("video", "frame")
    }
    counted = all(None not in counts for counts in of["video"].values())
    return bool(of["video"]) and counted and of["video"] == of["frame"]


def _trained_on(card: Json) -> list[str]:
    """What each data set contributed to the training."""
    videos: dict[str, dict[str, int]] = {}  # data set -> "real" and "fake" -> how many
    methods: dict[str, list[str]] = {}
    for row in card.get("trained_on") or []:
        dataset, kind = str(row.get("dataset")), "fake" if row.get("label") else "real"
        counts = videos.setdefault(dataset, {"real": 0, "fake": 0})
        counts[kind] += row.get("videos") or 0
        if kind == "fake":
            methods.setdefault(dataset, []).append(str(row.get("method")))
    texts = []
    for dataset, counts in videos.items():
        told = [method for method in methods.get(dataset, []) if method != "fake"]
        fakes = f" ({', '.join(told)})" if told else ""
        texts.append(f"{dataset}: {counts['real']:,} real and {counts['fake']:,} fake videos{fakes}")
    return texts


def _tested_on(card: Json) -> Iterator[str]:
    """Yield the AUC of each data set's videos, and how many these are."""
    unit = "one face of each of " if tests_one_face_each(card) else ""
    for row in card.get("tested_on") or []:
        auc = row.get("auc") or {}
        if row.get("level") == "video" and row.get("method") is None and auc.get("value") is not None:
            real, fake = row.get("real"), row.get("fake")
            rests_on = ""
            if real is not None and fake is not None:
                rests_on = f" on {unit}{real:,} real and {fake:,} fake video{'s' * (fake != 1)}"
            yield f"{row.get('dataset')} AUC {_figure(auc)}{rests_on}"


def _figure(figure: Mapping[str, float | None]) -> str:
    text = f"{figure['value']:.3f}"
    if figure.get("low") is not None and figure.get("high") is not None:
        text += f" ({figure['low']:.3f} to {figure['high']:.3f})"
    return text


def _sentence(text: object) -> str:
    sentence = str(text).strip()
    sentence = sentence[:1].upper() + sentence[1:]
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
