/* What the model was trained and tested on. Any part of a card may be missing. */
const About = (() => {
  const { make, isNumber, count, figure, section, notes } = Elements;
  const FIGURES = [["auc", "AUC"], ["acc", "ACC"], ["eer", "EER"], ["tpr_1", "TPR at 1 %"], ["brier", "Brier"], ["ece", "ECE"]];
  const TEXTS = ["Data set", "Method", "Label"];

  /** What users must know about a model before they believe its verdicts, as a list of [name, text]. */
  function caveats(model) {
    const said = (model.card || {}).caveats || {};
    const lines = Object.entries(typeof said === "string" ? [said] : said);
    return lines.map(([name, text]) => [isNaN(name) ? `Data set “${name}”` : "About the model", text]);
  }

  /** A section on the `model` of a verdict. Alone on a page, it has a second-level heading and the caveats. */
  function about(model, alone = false) {
    const card = model.card || {}, recipe = card.recipe || {};
    const facts = [
      ["Model", model.name], ["Version", model.version ?? card.version], ["Recipe", card.name], ["Made on", card.date],
      ["Network", recipe.backbone], ["Input size", recipe.image_size && `${recipe.image_size} × ${recipe.image_size} pixels`],
      ["Digest", model.digest && model.digest.slice(0, 12)],
      ["Logit", model.readout === "class_means" && "class-mean read-out of the embedding; no classifier is trained"],
      ["Calibrated", model.calibrated == null ? null : model.calibrated ? "yes, on its validation split" : "no"],
    ].filter(([, value]) => value != null && value !== "" && value !== false);
    const table = (caption, heads, rows) => make("div.wide", { tabindex: 0, role: "region", "aria-label": caption }, make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, heads.map((head) => make(TEXTS.includes(head) ? "th.text" : "th", { scope: "col" }, head)))), make("tbody", {}, rows)));
    const trained = (card.trained_on || []).map((row) => make("tr", {}, make("th.text", { scope: "row" }, row.dataset ?? "–"),
      make("td.text", {}, row.method ?? "–"), make("td.text", {}, row.label === 1 ? "fake" : row.label === 0 ? "real" : "–"),
      make("td", {}, count(row.videos)), make("td", {}, count(row.faces))));
    const reasons = [], keys = FIGURES.filter(([key]) => (card.tested_on || []).some((row) => row[key] != null));
    const cell = (of) => {
      const value = of && typeof of === "object" ? of.value : of;
      if (isNumber(value)) return make("td", {}, figure(value), isNumber(of.low) && isNumber(of.high) && make("small", {}, `${figure(of.low)}–${figure(of.high)}`));
      if (of && of.reason && !reasons.includes(of.reason)) reasons.push(of.reason);
      return make("td", {}, "–", of && of.reason && make("sup", {}, `${reasons.indexOf(of.reason) + 1}`));
    };
    const rowsOf = (level) => (card.tested_on || []).filter((row) => (row.level || "video") === level).map((row) => make(`tr${row.method == null ? ".total" : ""}`, {},
      make("th.text", { scope: "row" }, row.dataset ?? "–"), make("td.text", {}, row.method ?? "all"), make("td", {}, count(row.real)), make("td", {}, count(row.fake)),
      keys.map(([key]) => cell(row[key]))));
    const heads = ["Data set", "Method", "Real", "Fake", ...keys.map(([, name]) => name)];
    const [videos, frames] = [rowsOf("video"), rowsOf("frame")];
    const explained = [
      keys.length > 0 && make("p.small", {}, "AUC: how well the model separates fakes from reals, from 0.5 (not at all) to 1. ACC: the share of right answers at 50 %. "
        + "EER: the share of errors where both kinds are equally frequent. TPR at 1 %: the share of fakes found when one real in a hundred "
        + "is called fake. Brier, ECE: how far the probabilities are off. Small print: 95 % intervals."),
      reasons.length > 0 && make("ol.reasons", {}, reasons.map((reason) => make("li", {}, reason))),
    ];
    const part = section("About this model", "about", [
      make("p", {}, "A model knows the kinds of fakes that it was trained on. On others, and on clips that look unlike its data, it can be wrong and yet sure. "
        + "Treat a verdict as a hint to look closer, never as proof."),
      facts.length > 0 && make("dl.facts", {}, facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value))))),
      !model.card && make("p", {}, "This model came without a card: what it was trained and tested on is not known."),
      model.card && (trained.length ? table("Trained on", ["Data set", "Method", "Label", "Videos", "Faces"], trained) : make("p", {}, "What it was trained on is not known.")),
      model.card && (videos.length ? table("Tested on: videos", heads, videos) : make("p", {}, frames.length ? "" : "It has not been tested.")),
      alone && notes(caveats(model)),
      frames.length > 0 && make("details", {}, make("summary", {}, "Tested on: single frames"), table("Tested on: single frames", heads, frames)), explained,
    ], alone ? 2 : 3);
    part.id = "about-model";
    part.tabIndex = -1;
    return part;
  }

  return { about, caveats };
})();
