"""Evaluator: the executor."""

import os
from collections.abc import Mapping
from typing import Any

from artifacts import face_examples, layout
from artifacts.errors import InputError
from artifacts.predictions import Columns, read_predictions
from artifacts.preprocessing import Preprocessing, read_of_examples, require_same_geometry
from artifacts.writing import write_json, write_text
from components.base import Context
from components.evaluator.component import EvaluatorParameters
from components.evaluator.inference import write_predictions
from components.evaluator.provenance import lineage, reproduce
from components.evaluator.reencoding import Films, FilmSweep, check_encoders
from evaluation import crops, metrics_table, robustness
from evaluation.assembly import metrics_of
from evaluation.blessing import bless
from evaluation.columns import groups_of, plain_texts, take
from evaluation.coverage import listed_videos
from evaluation.metrics import ListedVideo
from evaluation.projector import write_projector
from evaluation.report.page import write_report
from evaluation.report.projections import ModelEmbeddings
from evaluation.report.showcase import choose, show
from evaluation.results import LeftOut, Metrics, Temperature
from evaluation.sampling import draw_evenly
from evaluation.scores import BASELINE, THIS, HowScored, Part, ScoredModel, Scores, Split, Temperatures, other
from evaluation.scores_file import write_scores
from evaluation.video_scores import videos_of
from evaluation.vocabulary import CHANGES, Changed, ChangeName, Level
from model.saved_model import (
    digest,
    find_saved_model,
    read_calibration,
    read_preprocessing,
    temperature_of,
    why_not_calibrated,
)


def execute(context: Context) -> Mapping[str, Any]:
    """Evaluate on the test split.

    Writes the predictions of the validation and test splits as Parquet, all scores in one file, `metrics.json` with
    what follows from these, `report.html`, `tensorboard/` with the embeddings, and `BLESSED` or `NOT_BLESSED` with the
    reasons.
    """
    parameters: EvaluatorParameters = context.parameters
    evaluation = Evaluation(context)
    scores = evaluation.scores()
    metrics = metrics_of(scores)
    blessed, reasons = bless(metrics, parameters.thresholds, metrics.get("comparison"), parameters.max_drop)
    verdict = layout.BLESSED if blessed else layout.NOT_BLESSED
    write_scores(os.path.join(context.outputs["evaluation"], layout.SCORES), scores)
    write_json(os.path.join(context.outputs["evaluation"], layout.METRICS), metrics)
    write_text(os.path.join(context.outputs["blessing"], verdict), "".join(f"{reason}\n" for reason in reasons))
    evaluation.report(metrics, blessed, reasons)
    metrics_table.print_table(metrics)
    if "matrix" in metrics:
        metrics_table.print_matrix(metrics["matrix"])
    for reason in reasons:
        print(f"{verdict}: {reason}")
    best = metrics["video"]["all"]["logit"]
    return {"video_auc": best["auc"]["value"], "video_acc": best["acc"]["value"], "verdict": verdict}


class Evaluation:
    """A model's predictions on the validation and test splits, and what is computed from them.

    Attributes:
        context: of the component.
        parameters: of the component.
        folder: of the predictions.
        models: SavedModels of the inputs `model` and `baseline`.
        others: SavedModels of the other models, by name.
        files: TFRecord files of each split.
        columns: predictions of each split.
        video_rule: how a video's frames are joined: the parameter, or else the model's.
        listed: every video of the test split and what became of it; None if the inputs do not say.
        lineage: where data and models come from.
        temperature: of the model's calibration, or None.
        videos: predictions of the test split, by video.

    Raises:
        InputError: there is no test split or no model, or files cannot be used.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.parameters: EvaluatorParameters = context.parameters
        self.folder = context.outputs["predictions"]
        # Resolved once: a model server's folder may get a newer version in the meantime.
        self.models = {
            key: find_saved_model(context.inputs[key]) for key in ("model", "baseline") if key in context.inputs
        }
        self.others = {name: find_saved_model(folder) for name, folder in self.parameters.models.items()}
        self._check_preprocessing()
        how = read_preprocessing(self.models["model"]) or Preprocessing()
        self.video_rule = self.parameters.video_rule or how.video_rule
        self._check_reencoding()
        self.files: dict[Split, list[str]] = {"test": self._files("test")}
        try:
            self.files["val"] = self._files("val")
        except InputError as error:
            print(f"no threshold can be fixed on validation: {error}")
        self.listed = self._listed()
        self.temperature = self._temperature(self.models["model"], "this model")
        self.lineage = lineage(context.inputs, self.models["model"], self.others)
        self.columns = self._predictions(self.models["model"], self.folder)
        self.videos = videos_of(self.columns["test"], self.video_rule, self.temperature)

    def _check_preprocessing(self) -> None:
        """Refuse faces that are cut otherwise than those from which a model learnt."""
        examples = self.context.inputs["examples"]
        how = read_of_examples(examples)
        for path in (*self.models.values(), *self.others.values()):
            require_same_geometry(how, examples, read_preprocessing(path), path)

    def _changes(self, changed: Changed) -> tuple[ChangeName, ...]:
        return tuple(name for name in dict.fromkeys(self.parameters.robustness) if CHANGES[name].of == changed)

    def _check_reencoding(self) -> None:
        """Refuse what would fail only after everything was scored."""
        films = self._changes("films")
        check_encoders(films)
        if films and "videos" not in self.context.inputs:
            raise InputError(
                f"robustness: {films[0]} codes the films again, and the input videos says where they are. Give it, or "
                f"leave {', '.join(films)} out: coding a row of crops as a film would be something else"
            )

    def _files(self, split: Split) -> list[str]:
        try:
            return face_examples.find_files(self.context.inputs["examples"], split)
        except InputError as error:
            raise InputError(f"nothing to evaluate: {error}") from error

    def _temperature(self, saved_model: str, name: str) -> Temperature | None:
        """Read a model's temperatures for the video rule, and print why its probabilities are not calibrated."""
        rule, calibration = self.video_rule, read_calibration(saved_model)
        problem = why_not_calibrated(calibration, rule)
        if problem:
            print(f"{name}: the probabilities of videos are not calibrated: {problem}")
        return temperature_of(calibration, rule)

    def _predictions(self, saved_model: str, folder: str) -> dict[Split, Columns]:
        """Write a model's predictions of all splits into `folder`, and read them."""
        return {split: self._predict(saved_model, folder, split) for split in self.files}

    def _predict(self, saved_model: str, folder: str, split: Split) -> Columns:
        os.makedirs(folder, exist_ok=True)
        beam_args, batch_size = self.context.beam_args, self.parameters.batch_size
        write_predictions(self.files[split], split, saved_model, folder, beam_args, batch_size)
        return read_predictions(folder, split)

    # --- The scores
    def scores(self) -> Scores:
        """Score everything that the figures need: by this model, the last blessed one and others, and changed faces."""
        parts = {Part(THIS, split): columns for split, columns in self.columns.items()}
        models = {THIS: self._about(self.parameters.name, self.models["model"], self.temperature)}
        if "baseline" in self.models:
            name, path = "the last blessed model", self.models["baseline"]
            of_splits = self._predictions(path, os.path.join(self.folder, "baseline"))
            parts |= {Part(BASELINE, split): columns for split, columns in of_splits.items()}
            models[BASELINE] = self._about(name, path, self._temperature(path, name))
        for number, (name, path) in enumerate(self.others.items()):
            columns = self._predict(path, os.path.join(self.folder, "models", str(number)), "test")
            parts[Part(other(name), "test")] = columns
            models[other(name)] = self._about(name, path, self._temperature(path, name))
        left_out: LeftOut = {}
        if self._changes("crops"):
            parts |= self._robustness()
        if self._changes("films"):
            films, left_out = self._reencoding()
            parts |= films
        return Scores(self._how(models, left_out), parts, self.listed)

    def _about(self, name: str, saved_model: str, temperature: Temperature | None) -> ScoredModel:
        temperatures = None if temperature is None else Temperatures(**temperature)
        return ScoredModel(name=name, digest=digest(saved_model), temperature=temperatures)

    def _how(self, models: dict[str, ScoredModel], left_out: LeftOut) -> HowScored:
        calibration, parameters = read_calibration(self.models["model"]), self.parameters
        return HowScored(
            models=models,
            readout=calibration.get("readout") if calibration else None,
            video_rule=self.video_rule,
            no_face=parameters.no_face,
            listed=self.listed is not None,
            resamples=parameters.resamples,
            seed=parameters.seed,
            thresholds=parameters.thresholds,
            max_drop=parameters.max_drop,
            robustness=tuple(dict.fromkeys(parameters.robustness)),
            left_out=left_out,
            caveats=parameters.caveats,
            lineage=tuple(dict(line) for line in self.lineage),
            reproduce=tuple(reproduce(self.context)),
        )

    def _listed(self) -> list[ListedVideo] | None:
        inputs, no_face = self.context.inputs, self.parameters.no_face
        if "videos" in inputs and "rejects" in inputs:
            return listed_videos(inputs["videos"], inputs["rejects"], "test")
        if no_face != "left_out":
            raise InputError(
                f"no_face {no_face!r} needs the inputs videos and rejects, which say which videos have none"
            )
        return None

    def _robustness(self) -> dict[Part, Columns]:
        """Score changed faces; see `evaluation.robustness.sweep`."""
        return robustness.sweep(
            self.files["test"],
            self.folder,
            "test",
            self.columns["test"],
            self.models["model"],
            changes=self._changes("crops"),
            most_videos=self.parameters.robustness_videos,
            batch_size=self.parameters.batch_size,
            seed=self.parameters.seed,
        )

    def _reencoding(self) -> Films:
        """Score faces of films that are coded again; see `components.evaluator.reencoding`."""
        inputs = self.context.inputs
        sweep = FilmSweep(
            self.files["test"],
            self.folder,
            self.columns["test"],
            inputs["videos"],
            inputs["examples"],
            self.models["model"],
            self._changes("films"),
            self.parameters.batch_size,
        )
        return sweep.run(self.parameters.reencoding_videos)

    # --- The report
    def report(self, metrics: Metrics, blessed: bool, reasons: list[str]) -> None:
        """Write `report.html`, and `tensorboard/` for the projector."""
        folder, test = self.context.outputs["evaluation"], self.columns["test"]
        validation: dict[Level, Mapping[str, Any]] = {}
        if "val" in self.columns:
            validation["frame"] = self.columns["val"]
            validation["video"] = videos_of(self.columns["val"], self.video_rule, self.temperature)
        lines = list(self.lineage)
        chosen, shown = choose(test, self.parameters.panels), []
        if chosen:
            try:
                shown = show(chosen, self.files["test"], self.folder, test, self.models["model"])
            except InputError as error:
                lines.append({"name": "heat maps", "value": f"none: {error}"})
        write_report(
            os.path.join(folder, layout.REPORT),
            metrics,
            test,
            blessed,
            reasons,
            videos=self.videos,
            validation=validation,
            embeddings=self.embeddings(os.path.join(folder, "tensorboard")),
            faces=shown,
            lineage=lines,
            reproduce=reproduce(self.context),
        )

    def embeddings(self, projector: str) -> list[ModelEmbeddings]:
        """Embed some faces by this and the other models; those by this model are also written to `projector`."""
        if not self.parameters.embeddings:
            return []
        test = self.columns["test"]
        rows = draw_evenly(groups_of(test), self.parameters.embeddings, seed=self.parameters.seed)
        columns = plain_texts(take(test, rows))
        result: list[ModelEmbeddings] = []
        for name, model in ({self.parameters.name: self.models["model"]} | self.others).items():
            vectors, thumbnails = crops.embeddings(
                self.files["test"], self.folder, "test", rows, model, self.parameters.batch_size
            )
            if not result:
                write_projector(projector, columns, vectors, thumbnails)
            result.append({"name": name, "vectors": vectors, "columns": columns})
        return result
