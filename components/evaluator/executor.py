"""Evaluator: the executor."""

import json
import os
import shlex
import time
from importlib.metadata import version

from artifacts import face_examples
from artifacts.errors import InputError
from artifacts.predictions import read_predictions
from components.base import Context
from components.evaluator.inference import write_predictions
from evaluation import crops, matrix, robustness
from evaluation.blessing import judge
from evaluation.comparison import compare
from evaluation.coverage import outcomes
from evaluation.metrics import evaluate
from evaluation.metrics_table import print_table
from evaluation.projector import write_projector
from evaluation.report.page import write_report
from evaluation.report.showcase import choose, show
from evaluation.sampling import groups_of, spread
from evaluation.video_scores import videos_of
from model import calibration, card
from model.saved_model import digest, find_saved_model


def execute(context: Context):
    """Evaluate on the test split.

    Writes the predictions of the validation and test splits as Parquet, `metrics.json`, `report.html`, `tensorboard/` with
    the embeddings, and `BLESSED` or `NOT_BLESSED` with the reasons.
    """
    evaluation = Evaluation(context)
    metrics = evaluation.metrics()
    if "baseline" in context.inputs:
        metrics["comparison"] = evaluation.comparison(metrics)
    if context.parameters.models:
        metrics["matrix"] = evaluation.matrix()
    if context.parameters.robustness:
        metrics["robustness"] = evaluation.robustness()
    blessed, reasons = judge(
        metrics, context.parameters.thresholds, metrics.get("comparison"), context.parameters.max_loss
    )
    verdict = "BLESSED" if blessed else "NOT_BLESSED"
    with open(os.path.join(context.outputs["evaluation"], "metrics.json"), "w") as stream:
        json.dump(metrics, stream, indent=1)
    with open(os.path.join(context.outputs["blessing"], verdict), "w") as stream:
        stream.writelines(f"{reason}\n" for reason in reasons)
    evaluation.report(metrics, verdict, reasons)
    print_table(metrics)
    if "matrix" in metrics:
        matrix.print_matrix(metrics["matrix"])
    for reason in reasons:
        print(f"{verdict}: {reason}")
    best = metrics["video"]["all"]["logit"]
    return {"video_auc": best["auc"]["value"], "video_acc": best["acc"]["value"], "verdict": verdict}


class Evaluation:
    """A model's predictions on the validation and test splits, and what is made of them.

    Raises:
        InputError: no test split, no model, or files that cannot be used.
    """

    def __init__(self, context):
        self.context, self.parameters = context, context.parameters
        self.folder = context.outputs["predictions"]
        # Once: a model server's folder may get a newer version meanwhile.
        self.models = {
            key: find_saved_model(context.inputs[key]) for key in ("model", "baseline") if key in context.inputs
        }
        self.others = {name: find_saved_model(folder) for name, folder in self.parameters.models.items()}
        self.files = {"test": self._files("test")}
        try:
            self.files["val"] = self._files("val")
        except InputError as error:
            print(f"no threshold can be fixed on validation: {error}")
        self.temperature = self._temperature(self.models["model"])
        self.columns = {split: self._predicted(self.models["model"], self.folder, split) for split in self.files}
        self.videos = videos_of(self.columns["test"], self.parameters.video_rule, self.temperature)

    def _files(self, split):
        try:
            return face_examples.find_files(self.context.inputs["examples"], split)
        except face_examples.ExamplesError as error:
            raise InputError(f"nothing to evaluate: {error}") from error

    def _temperature(self, saved_model):
        try:
            fitted = calibration.read(saved_model)
        except ValueError as error:
            raise InputError(str(error)) from error
        return {level: fitted[level] for level in ("frame", "video")} if fitted else None

    def _predicted(self, saved_model, folder, split):
        """Predictions of a model, written below `folder` and read again."""
        os.makedirs(folder, exist_ok=True)
        beam_args, batch_size = self.context.beam_args, self.parameters.batch_size
        write_predictions(self.files[split], split, saved_model, folder, beam_args, batch_size)
        return read_predictions(folder, split)

    def metrics(self):
        """See `evaluation.metrics.evaluate`."""
        inputs, parameters = self.context.inputs, self.parameters
        listed = None
        if "videos" in inputs and "rejects" in inputs:
            listed = outcomes(inputs["videos"], inputs["rejects"], "test")
        elif parameters.no_face != "left_out":
            raise InputError(f"no_face {parameters.no_face!r} needs the inputs videos and rejects, which tell them")
        found = evaluate(
            self.columns["test"],
            self.columns.get("val"),
            listed,
            video_rule=parameters.video_rule,
            no_face=parameters.no_face,
            resamples=parameters.resamples,
            seed=parameters.seed,
            temperature=self.temperature,
        )
        return {"split": "test", **found, "caveats": parameters.caveats}

    def comparison(self, metrics):
        """The model beside the last blessed one, on the same faces."""
        baseline, parameters = self.models["baseline"], self.parameters
        folder = os.path.join(self.folder, "baseline")
        columns = {split: self._predicted(baseline, folder, split) for split in self.files}
        temperature = self._temperature(baseline)
        fixed = None
        if "val" in columns:
            options = {"video_rule": parameters.video_rule, "temperature": temperature, "resamples": 0}
            fixed = evaluate(columns["test"], columns["val"], **options)["thresholds"]
        return compare(
            self.columns["test"],
            columns["test"],
            parameters.thresholds,
            parameters.resamples,
            parameters.seed,
            video_rule=parameters.video_rule,
            temperatures=(self.temperature, temperature),
            fixed=(metrics["thresholds"], fixed),
        )

    def matrix(self):
        """AUC of this and the other models on each data set, at video level."""
        models = {self.parameters.name: self.videos}
        for name, path in self.others.items():
            columns = self._predicted(path, self._folder_of(name), "test")
            models[name] = videos_of(columns, self.parameters.video_rule, self._temperature(path))
        return matrix.matrix(models, "video", self.parameters.resamples, self.parameters.seed)

    def _folder_of(self, name):
        number = list(self.parameters.models).index(name)
        return os.path.join(self.folder, "models", str(number))

    def robustness(self):
        """See `evaluation.robustness.sweep`."""
        return robustness.sweep(
            self.files["test"],
            self.folder,
            "test",
            self.columns["test"],
            self.models["model"],
            changes=self.parameters.robustness,
            most_videos=self.parameters.robustness_videos,
            video_rule=self.parameters.video_rule,
            batch_size=self.parameters.batch_size,
            seed=self.parameters.seed,
        )

    # --- the report -----------------------------------------------------------------------------------------------------
    def report(self, metrics, verdict, reasons):
        """Write `report.html`, and `tensorboard/` for the projector."""
        folder, validation = self.context.outputs["evaluation"], None
        if "val" in self.columns:
            by_video = videos_of(self.columns["val"], self.parameters.video_rule, self.temperature)
            validation = {"frame": self.columns["val"], "video": by_video}
        chosen = choose(self.columns["test"], self.parameters.panels)
        shown, lineage = [], self.lineage()
        if chosen:
            try:
                shown = show(chosen, self.files["test"], self.folder, self.columns["test"], self.models["model"])
            except InputError as error:
                lineage.append({"name": "heat maps", "value": f"none: {error}"})
        write_report(
            os.path.join(folder, "report.html"),
            metrics,
            self.columns["test"],
            verdict,
            reasons,
            videos=self.videos,
            validation=validation,
            embeddings=self.embeddings(os.path.join(folder, "tensorboard")),
            faces=shown,
            lineage=lineage,
            reproduce=self.reproduce(),
        )

    def embeddings(self, projector):
        """Of some faces by this model, also written for TensorBoard, and by the others that are judged beside it."""
        if not self.parameters.embeddings:
            return []
        test = self.columns["test"]
        rows = spread(groups_of(test), self.parameters.embeddings, seed=self.parameters.seed)
        columns, result = crops.take(test, rows), []
        models = {self.parameters.name: self.models["model"]} | self.others
        for name, model in models.items():
            vectors, thumbnails = crops.embeddings(
                self.files["test"], self.folder, "test", rows, model, self.parameters.batch_size
            )
            if not result:
                write_projector(projector, columns, vectors, thumbnails)
            result.append({"name": name, "vectors": vectors, "columns": columns})
        return result

    def lineage(self):
        """Where data and model come from: [{"name", "value"}]."""
        inputs = self.context.inputs
        lines = [("model", self.models["model"]), ("model's digest", digest(self.models["model"]))]
        fields = recipe_of(self.models["model"])
        lines += [("recipe", fields["name"])] if fields else []
        lines += [(f"recipe: {name}", str(value)) for name, value in fields.items() if name != "name"]
        lines += [(key, inputs[key]) for key in ("examples", "videos", "rejects", "baseline") if key in inputs]
        lines += [(f"other model: {name}", f"{path} ({digest(path)})") for name, path in self.others.items()]
        lines.append(("date", time.strftime("%Y-%m-%d %H:%M")))
        lines += [(name, version(name)) for name in ("tensorflow-cpu", "keras", "scikit-learn")]
        return [{"name": name, "value": value} for name, value in lines]

    def reproduce(self):
        """The command that makes this report again, an argument a line."""
        words = [f"--{key}={path}" for key, path in self.context.inputs.items()]
        words += [f"--{key}={key}" for key in self.context.outputs]
        given = self.parameters.model_dump(exclude_defaults=True, mode="json")
        words += [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]
        lines = ["python -m components.evaluator", *(f"    {shlex.quote(word)}" for word in words)]
        return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def recipe_of(saved_model):
    """A model's recipe: of the `recipe.json` that Trainer or `model.train` wrote, or of its card; {} if none is there."""
    folder = os.path.dirname(os.path.abspath(saved_model))
    for path in (os.path.join(folder, "recipe.json"), os.path.join(folder, "run", "recipe.json")):
        if os.path.exists(path):
            with open(path) as stream:
                return json.load(stream)
    try:
        found = card.read(saved_model)
    except ValueError as error:
        raise InputError(str(error)) from error
    return {"name": found["name"]} | found["recipe"] if found and found["name"] else {}
