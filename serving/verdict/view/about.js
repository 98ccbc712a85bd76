/* What the model was trained and tested on. Any part of a card may be missing. */
const About = (() => {
  const { make, isNumber, count, figure, percent, section, notes } = Elements;
  const FIGURES = [["auc", "AUC"], ["acc", "ACC"], ["eer", "EER"], ["tpr_1", "TPR at 1 %"], ["brier", "Brier"], ["ece", "ECE"]];
  const TEXTS = ["Data set", "Method", "Label", "Clip", "It is", "Verdict"];

  /** What users must know about a model before they believe its verdicts, as a list of [name, text]. */
  function caveats(model) {
    const said = (model.card || {}).caveats || {};
    const entries = Object.entries(typeof said === "string" ? [said] : said), end = (text) => `${String(text).trim().replace(/[.]+$/, "")}.`;
    const lines = entries.filter(([name]) => isNaN(name)).map(([name, text]) => [`Data set “${name}”`, text]);
    const of = entries.filter(([name]) => !isNaN(name)).map(([, text]) => end(text));
    if (testsOneFaceEach(model.card)) {
      of.push("Its test and its calibration are of single faces, one of each video: how often a verdict over many frames of a clip is right was not measured.");
    }
    return of.length ? [...lines, ["About the model", of.join(" ")]] : lines;
  }

  /** Whether it was tested on a single face of each video: then there are as many faces as videos, of each kind. */
  function testsOneFaceEach(card) {
    const rows = ((card || {}).tested_on || []).filter((row) => row.method == null);
    const videos = rows.filter((row) => row.level === "video"), frames = rows.filter((row) => row.level === "frame");
    const same = (one, other) => one.dataset === other.dataset && isNumber(one.real) && one.real === other.real && one.fake === other.fake;
    return videos.length > 0 && videos.length === frames.length && videos.every((row) => frames.some((other) => same(row, other)));
  }

  /** What the card says that the model does not know, how it does on small faces, and what it said of real clips. */
  function unknown(card, table) {
    const parts = [];
    if (typeof card.unknown === "string" && card.unknown) parts.push(make("p", {}, make("strong", {}, "What it does not know: "), card.unknown));
    const sides = Object.entries((card.small_faces || {}).sides || {}).filter(([, of]) => of && isNumber(of.auc));
    if (sides.length) {
      parts.push(table("Small faces", ["Pixels", "AUC", "Reals called fake"], sides.map(([side, of]) => make("tr", {},
        make("th", { scope: "row" }, side), make("td", {}, figure(of.auc)), make("td", {}, isNumber(of.reals_called_fake) ? percent(of.reals_called_fake) : "–")))));
      if (typeof card.small_faces.so === "string") parts.push(make("p.small", {}, `So ${card.small_faces.so}.`));
    }
    const clips = (card.clips || {}).verdicts;
    if (Array.isArray(clips) && clips.length) {
      parts.push(table("What it said of real clips", ["Clip", "It is", "Verdict", "Fake probability"], clips.map((row) => make("tr", {},
        make("td.text", {}, `${row.clip}`, typeof row.note === "string" && make("small", {}, row.note)), make("td.text", {}, row.label),
        make("td.text", {}, row.verdict === row.label ? `${row.verdict}, right` : row.verdict === "unsure" ? "unsure" : make("strong", {}, `${row.verdict}, wrong`)),
        make("td", {}, percent(row.fake_probability))))));
    }
    return parts;
  }

  /** A section on the `model` of a verdict. Alone on a page, it has a second-level heading and the caveats. */
  function about(model, alone = false) {
    const card = model.card || {}, recipe = card.recipe || {};
    const facts = [
      ["Model", model.name], ["Version", model.version ?? card.version], ["Recipe", card.name], ["Made on", card.date],
      ["Network", recipe.backbone], ["Input size", recipe.image_size && `${recipe.image_size} × ${recipe.image_size} pixels`],
      ["Digest", model.digest && model.digest.slice(0, 12)],
      ["Logit", model.readout === "class_means" && "class-mean read-out of the embedding; no classifier is trained"],
      ["Calibrated", model.calibrated == null ? null : model.calibrated ? `yes, on ${calibratedOn(card.calibration || {})}` : "no"],
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
    const single = testsOneFaceEach(card), tested = card.tested_on || [], methodsOf = (row) => tested
      .filter((other) => other.dataset === row.dataset && other.level === row.level && other.method != null).length;
    // The only method of a data set has the same figures as all of them together.
    const rowsOf = (level) => tested.filter((row) => (row.level || "video") === level && !(row.method != null && methodsOf(row) === 1
      && tested.some((other) => other.dataset === row.dataset && other.level === row.level && other.method == null))).map((row) => make(`tr${row.method == null ? ".total" : ""}`, {},
      make("th.text", { scope: "row" }, row.dataset ?? "–"), make("td.text", {}, row.method ?? "all"), make("td", {}, count(row.real)), make("td", {}, count(row.fake)),
      keys.map(([key]) => cell(row[key]))));
    const heads = ["Data set", "Method", "Real", "Fake", ...keys.map(([, name]) => name)];
    const [videos, frames] = [rowsOf("video"), single ? [] : rowsOf("frame")];
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
      model.card && (videos.length ? table(single ? "Tested on: one face of each video" : "Tested on: videos", heads, videos) : make("p", {}, frames.length ? "" : "It has not been tested.")),
      ...unknown(card, table),
      alone && notes(caveats(model)),
      frames.length > 0 && make("details", {}, make("summary", {}, "Tested on: single frames"), table("Tested on: single frames", heads, frames)), explained,
    ], alone ? 2 : 3);
    part.id = "about-model";
    part.tabIndex = -1;
    return part;
  }

  /** What its temperature rests on. */
  function calibratedOn(calibration) {
    const { faces: crops, videos } = calibration;
    if (!isNumber(crops) || !isNumber(videos)) return "its validation split";
    return crops === videos ? `${count(crops)} single faces of its validation split, one of each video`
      : `${count(videos)} videos of its validation split (${count(crops)} faces)`;
  }

  return { about, caveats };
})();
