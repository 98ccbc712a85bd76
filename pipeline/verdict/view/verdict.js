"use strict";
/* Draws a verdict: the JSON of pipeline.verdict.view.view becomes elements. The report and the server's page share it.
   Texts are only ever set as text, never parsed as markup: file names are anybody's. */
const Verdict = (() => {
  const WORDS = { fake: "Likely fake", real: "Likely real", unsure: "Unsure", cannot_judge: "Cannot judge" };
  const ICONS = {
    fake: "M12 3 22.5 21h-21zM12 9.5v5.5M12 17.6v.6", real: "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19M7.5 12.5l3 3 6-6.5",
    unsure: "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19M9 9.5a3 3 0 1 1 4.4 2.7c-1 .5-1.4 1-1.4 2M12 16.6v.6",
    cannot_judge: "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19M5.5 5.5l13 13",
  };
  const NOTES = { damaged_file: "Damaged file", hdr: "High dynamic range", smaller_faces: "Small faces" };
  const HELP = {
    no_face: "A face is found where it is seen from the front or half from the side, from about 20 pixels on.",
    too_small: "A copy with a higher resolution may help, or a part of the clip where the face is nearer.",
    too_few_frames: "A longer part of the clip with the same face may help, or more frames to look at.",
  };
  const MARKS = [
    (x, y) => `M${x - 3.5} ${y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0`, (x, y) => `M${x - 3.2} ${y - 3.2}h6.4v6.4h-6.4z`,
    (x, y) => `M${x} ${y - 4.2}l4 7h-8z`, (x, y) => `M${x} ${y - 4.6}l4.6 4.6-4.6 4.6-4.6-4.6z`,
  ];
  const FIGURES = [["auc", "AUC"], ["acc", "ACC"], ["eer", "EER"], ["tpr_1", "Found at 1 % false alarms"], ["brier", "Brier"], ["ece", "ECE"]];
  const SVG = "http://www.w3.org/2000/svg";
  let unique = 0;

  /** An element; attributes that are functions listen, null and false are left out, children that are strings are text. */
  function make(tag, attributes = {}, ...children) {
    const [name, ...classes] = tag.split(".");
    const element = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
    if (classes.length) element.setAttribute("class", classes.join(" "));
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(key, value);
      else if (value != null && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.flat(9).filter((child) => child != null && child !== false));
    return element;
  }

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const count = (value) => (isNumber(value) ? value.toLocaleString("en-GB") : "–");
  const figure = (value) => (isNumber(value) ? value.toFixed(3) : "–");
  const many = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
  const plain = (key) => String(key).replaceAll("_", " ");

  /** A probability as people read it; never a 0 or 100 that it is not. */
  function percent(value) {
    if (!isNumber(value)) return "–";
    if (value > 0 && value < 0.001) return "below 0.1 %";
    if (value > 0.999 && value < 1) return "above 99.9 %";
    return `${(100 * value).toFixed(1)} %`;
  }

  function bounds([low, high]) {
    return percent(low) === percent(high) ? percent(low) : `${percent(low)} to ${percent(high)}`;
  }

  function clock(seconds) {
    const tenths = Math.round(10 * Math.max(0, seconds));
    return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
  }

  function icon(kind) {
    const path = make("svg:path", { d: ICONS[kind] || ICONS.cannot_judge });
    return make(`svg:svg.icon.is-${kind}`, { viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
  }

  /** The probability and its interval on a line from real to fake, with the threshold. */
  function scale(of, threshold) {
    const at = (element, value) => { element.style.left = `${100 * value}%`; return element; };
    const said = [`fake probability ${percent(of.fake_probability)}`];
    if (of.interval) said.push(`95 % interval ${bounds(of.interval)}`);
    const limit = at(make("span.limit", {}, `threshold ${percent(threshold).replace(".0", "")}`), threshold);
    limit.style.transform = `translateX(${-100 * threshold}%)`;
    const band = of.interval && at(make("span.band"), of.interval[0]);
    if (band) band.style.width = `${100 * (of.interval[1] - of.interval[0])}%`;
    const line = make("div.line", {}, band, at(make("span.tick"), threshold), at(make("span.point"), of.fake_probability));
    line.style.setProperty("--threshold", `${100 * threshold}%`);
    return make(`div.scale.is-${of.verdict}`, { role: "img", "aria-label": `${said.join(", ")}, threshold ${percent(threshold)}` },
      make("div.above", {}, limit), line, make("div.below", {}, make("span", {}, "0 % · real"), make("span", {}, "fake · 100 %")));
  }

  function interval(view) {
    const never = "It does not say how often the model is wrong on kinds of fakes that it has never seen; for that, see ";
    const link = make("a", { href: "#about-model", click: (event) => {  // a report's address names its file
      event.preventDefault();
      document.getElementById("about-model").scrollIntoView();
      document.getElementById("about-model").focus({ preventScroll: true });
    } }, "what it was tested on");
    if (!view.interval) {
      return ["There is no interval: one picture does not tell how much the score varies. The probability does not say how "
        + "often the model is wrong on kinds of fakes that it has never seen; for that, see ", link, "."];
    }
    return [view.kind === "video" ? "The interval says how the score varies over this clip's frames. "
      : "The interval says how much scores usually vary from picture to picture of one person. ", never, link, "."];
  }

  function headline(view, id) {
    const info = view.info || {};
    const facts = [
      { video: "Video", image: "Picture", crop: "Face crop" }[view.kind], isNumber(info.seconds) && view.kind === "video" && `${clock(info.seconds)} min`,
      info.width && info.height && `${info.width} × ${info.height}`, view.faces.length > 0 && many(view.faces.length, "face"),
    ].filter(Boolean);
    const judged = isNumber(view.fake_probability);
    const share = view.wanted > 0 ? view.judged / view.wanted : 0;
    const meter = view.kind === "video" && view.wanted > 0 && make("div.share", {},
      make("span", {}, `${view.judged} of ${many(view.wanted, "frame")} judged`,
        view.with_face !== view.judged && `, a face in ${view.with_face}`),
      make("progress", { max: 1, value: share, "aria-label": "Share of frames judged" }));
    return make(`section.headline.is-${view.verdict}`, { "aria-labelledby": id },
      make("p.file", {}, make("strong", {}, view.file), " ", make("span", {}, facts.join(" · "))),
      make("div.word", {}, icon(view.verdict), make("h2", { id, tabindex: -1 }, WORDS[view.verdict] || plain(view.verdict)),
        judged && make("p.number", {}, make("b", {}, percent(view.fake_probability)), " fake probability")),
      make("p.statement", {}, view.statement),
      !judged && HELP[view.reason] && make("p", {}, HELP[view.reason]),
      judged && scale(view, view.threshold), meter,
      judged && make("p.small", {}, interval(view)), notes(view));
  }

  function notes(view) {
    const card = (view.model || {}).card || {};
    const lines = Object.entries(view.notes || {}).map(([key, text]) => [NOTES[key] || plain(key), text]);
    for (const [name, text] of Object.entries(card.caveats || {})) lines.push([`The data set “${name}”`, text]);
    if (isNumber(view.fake_probability) && view.model && view.model.calibrated === false) {
      lines.push(["Not calibrated", "The probability orders clips, but 90 % need not mean nine in ten."]);
    }
    return lines.length > 0 && make("ul.notes", { "aria-label": "Notes" },
      lines.map(([name, text]) => make("li", {}, make("strong", {}, `${name}: `), text)));
  }

  /** What is selected, and who wants to know. */
  class Selection {
    constructor(view) {
      const seen = view.faces.flatMap((face) => face.frames.map((frame) => frame.index));
      this.frames = [...new Set([...(view.looked_at || []), ...seen])].sort((a, b) => a - b);
      this.by = new Map(view.faces.map((face) => [face.track, new Map(face.frames.map((frame) => [frame.index, frame]))]));
      this.face = view.face ?? (view.faces[0] ? view.faces[0].track : null);
      const best = this.face == null ? null : [...this.by.get(this.face).values()]
        .reduce((a, b) => (Math.abs(b.logit) > Math.abs(a.logit) && b.logit * (view.logit ?? 1) >= 0 ? b : a));
      this.place = best ? this.frames.indexOf(best.index) : 0;
      this.heat = false;
      this.watchers = [];
    }
    get frame() { return this.frames[this.place]; }
    of(track) { return this.by.get(track).get(this.frame); }
    set(change) {
      Object.assign(this, change);
      this.place = Math.max(0, Math.min(this.frames.length - 1, this.place));
      for (const watcher of this.watchers) watcher();
    }
    watch(watcher) { this.watchers.push(watcher); watcher(); }
    /** Arrow keys, Home, End and the page keys move among the frames. */
    key(event, places = null) {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 };
      const among = places || this.frames.map((_, place) => place);
      const now = among.indexOf(this.place);
      let next = event.key in steps ? now + steps[event.key] : { Home: 0, End: among.length - 1 }[event.key];
      if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return false;
      event.preventDefault();
      this.set({ place: among[Math.max(0, Math.min(among.length - 1, next))] });
      return true;
    }
  }

  /** Seconds of a frame, also of one without a face. */
  function timesOf(view) {
    const known = new Map(view.faces.flatMap((face) => face.frames.map((frame) => [frame.index, frame.timestamp])));
    const info = view.info || {};
    let rate = info.frames > 0 && info.seconds > 0 ? info.seconds / info.frames : 0;
    const ends = [...known].sort((a, b) => a[0] - b[0]);
    if (ends.length > 1) rate = (ends.at(-1)[1] - ends[0][1]) / (ends.at(-1)[0] - ends[0][0]) || rate;
    const [first, start] = ends[0] || [0, 0];
    return (index) => known.get(index) ?? Math.max(0, start + (index - first) * rate);
  }

  const who = (view, face) => (view.faces.length > 1 ? `Face ${face.track + 1}` : "The face");

  function readout(view, selection, time) {
    const where = view.kind === "video"
      ? `Frame ${selection.place + 1} of ${selection.frames.length}, at ${clock(time(selection.frame))}. ` : "";
    const shown = view.faces.filter((face) => selection.of(face.track));
    if (!shown.length) return `${where}No face was found here.`;
    return where + shown.map((face) => `${who(view, face)}: ${percent(selection.of(face.track).fake_probability)}`).join("; ");
  }

  function timeline(view, selection, time) {
    const tall = 230, left = 46, right = 14, top = 14, bottom = 28;
    const box = make("div.chart", { role: "slider", tabindex: 0, "aria-label": "Frame", "aria-valuemin": 1,
      "aria-valuemax": selection.frames.length, keydown: (event) => selection.key(event) });
    const times = selection.frames.map(time);
    const start = times[0], span = times.at(-1) - start || 1;
    let wide = 0, cursor = null;
    const x = (seconds) => left + ((seconds - start) / span) * (wide - left - right);
    const y = (value) => top + (1 - value) * (tall - top - bottom);

    function series(face) {
      const frames = selection.by.get(face.track), runs = [[]];
      selection.frames.forEach((index, place) => {
        const frame = frames.get(index);
        if (frame) runs.at(-1).push([x(times[place]), y(frame.fake_probability)]);
        else if (runs.at(-1).length) runs.push([]);
      });
      const round = (points) => points.map((point) => point.map((value) => value.toFixed(1)));
      const lines = runs.filter((run) => run.length > 1).map((run) => `M${round(run).map((point) => point.join(" ")).join("L")}`);
      const mark = MARKS[face.track % MARKS.length];
      const group = `svg:g.series.c${face.track % 8}${face.reason ? ".unjudged" : ""}${face.track === selection.face ? ".chosen" : ""}`;
      return make(group, {}, make("svg:path.path", { d: lines.join("") }),
        make("svg:path.dots", { d: runs.flat().map(([px, py]) => mark(+px.toFixed(1), +py.toFixed(1))).join("") }));
    }

    function draw() {
      const text = (px, py, label, anchor) => make("svg:text", { x: px, y: py, "text-anchor": anchor }, label);
      const rule = (value, kind) => make(`svg:path.${kind}`, { d: `M${left} ${y(value)}H${wide - right}` });
      const chosen = view.faces.find((face) => face.track === selection.face);
      const parts = [];
      if (chosen && chosen.interval) {
        const [low, high] = chosen.interval;
        parts.push(make(`svg:rect.interval.c${chosen.track % 8}`, { x: left, y: y(high), width: wide - left - right, height: Math.max(2, y(low) - y(high)) }));
      }
      for (const value of [0, 0.25, 0.5, 0.75, 1]) parts.push(rule(value, "grid"), text(left - 8, y(value) + 4, `${100 * value} %`, "end"));
      parts.push(rule(view.threshold, "threshold"));
      const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
      const step = steps.find((size) => span / size <= (wide < 500 ? 4 : 8)) || 600;
      for (let at = Math.ceil(start / step - 1e-9) * step; at <= start + span + 1e-9; at += step) {
        parts.push(make("svg:path.grid", { d: `M${x(at)} ${tall - bottom}v4` }),
          text(Math.min(x(at), wide - 16), tall - 8, step < 1 ? clock(at) : clock(at).replace(/\.\d$/, ""), "middle"));
      }
      const order = [...view.faces].sort((a, b) => (a.track === selection.face) - (b.track === selection.face));
      cursor = make("svg:path.cursor");
      box.replaceChildren(make("svg:svg", { viewBox: `0 0 ${wide} ${tall}`, "aria-hidden": "true" }, parts, cursor, order.map(series)));
      move();
    }

    function move() {
      cursor.setAttribute("d", `M${x(times[selection.place]).toFixed(1)} ${top}V${tall - bottom}`);
      box.setAttribute("aria-valuenow", selection.place + 1);
      box.setAttribute("aria-valuetext", `${selection.place + 1} of ${selection.frames.length}`);
    }

    function point(event) {
      if (event.type === "pointermove" && !event.buttons) return;
      const place = box.getBoundingClientRect();
      const distance = times.map((seconds) => Math.abs(x(seconds) - ((event.clientX - place.left) * wide) / place.width));
      selection.set({ place: distance.indexOf(Math.min(...distance)) });
    }
    box.addEventListener("pointerdown", point);
    box.addEventListener("pointermove", point);
    let face = selection.face;
    selection.watch(() => {
      if (cursor && face === selection.face) move();
      else if (cursor) { face = selection.face; draw(); }
    });
    new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== wide) { wide = box.clientWidth; draw(); }
    }).observe(box);
    return box;
  }

  /** Buttons that choose a face; they are the chart's legend, too. */
  function legend(view, selection) {
    const buttons = view.faces.map((face) => make(`button.c${face.track % 8}`, { type: "button", click: () => selection.set({ face: face.track }) },
      make("svg:svg.mark", { viewBox: "0 0 12 12", "aria-hidden": "true" }, make("svg:path", { d: MARKS[face.track % MARKS.length](6, 6) })),
      who(view, face), face.reason ? " (not judged)" : ""));
    selection.watch(() => buttons.forEach((button, k) => button.setAttribute("aria-pressed", view.faces[k].track === selection.face)));
    return make("div.legend", { role: "group", "aria-label": "Face to follow" }, buttons);
  }

  function viewer(view, selection, time, picture) {
    const image = make("img", { alt: "", decoding: "async" }), boxes = make("div.boxes"), missing = make("p.missing", {}, "This frame is not kept.");
    const stage = make("div.stage", {}, image, boxes, missing), said = make("p.readout", { "aria-live": "polite" });
    const step = (by, label, sign) => make("button", { type: "button", "aria-label": label, click: () => selection.set({ place: selection.place + by }) }, sign);
    const back = step(-1, "Previous frame", "←"), forth = step(1, "Next frame", "→");
    const controls = make("div.controls", { keydown: (event) => selection.key(event) }, selection.frames.length > 1 && [back, forth], said);
    stage.addEventListener("click", () => selection.set({ place: (selection.place + 1) % selection.frames.length }));
    const frames = view.pictures.frames || {};
    const info = view.info || {};
    if (info.width && info.height) stage.style.aspectRatio = `${info.width} / ${info.height}`;
    selection.watch(() => {
      const address = frames[selection.frame];
      image.hidden = !address;
      missing.hidden = Boolean(address);
      if (address) picture(image, address);
      image.alt = address ? `Frame${view.kind === "video" ? ` at ${clock(time(selection.frame))}` : ""}, with the faces marked` : "";
      boxes.replaceChildren(...(address && info.width && view.kind !== "crop" ? view.faces.filter((face) => selection.of(face.track)).map(marked) : []));
      const text = readout(view, selection, time);
      if (said.textContent !== text) said.textContent = text;
      back.disabled = selection.place === 0;
      forth.disabled = selection.place === selection.frames.length - 1;
    });
    function marked(face) {
      const frame = selection.of(face.track), [left, top, width, height] = frame.box;
      const label = make("span", {}, view.faces.length > 1 && make("b", {}, `${face.track + 1} `), face.reason ? "not judged" : percent(frame.fake_probability));
      const box = make(`div.box.c${face.track % 8}${face.track === selection.face ? ".chosen" : ""}${top < 0.1 * info.height ? ".inside" : ""}`, {}, label);
      Object.assign(box.style, { left: `${(100 * left) / info.width}%`, top: `${(100 * top) / info.height}%`,
        width: `${(100 * width) / info.width}%`, height: `${(100 * height) / info.height}%` });
      return box;
    }
    return make("div.viewer", {}, stage, controls);
  }

  /** The chosen face in the chosen frame, plain and with the heat map. */
  function close(view, selection, picture) {
    const panel = make("div.close");
    selection.watch(() => {
      const face = view.faces.find((one) => one.track === selection.face);
      const frame = face && selection.of(face.track);
      const pictures = frame && ((view.pictures.faces || {})[face.track] || {})[frame.index];
      const title = make("h4", {}, face ? `${who(view, face)} in this frame` : "");
      if (!pictures) { panel.replaceChildren(title, make("p.small", {}, face ? "Not seen." : "")); return; }
      const shown = (address, caption, alt) => make("figure", {}, picture(make("img", { alt, width: 160, height: 160 }), address), make("figcaption", {}, caption));
      panel.replaceChildren(title,
        make("div.pair", {}, shown(pictures.face, "What the model saw", `${who(view, face)}, cut out and turned upright`),
          pictures.heat && shown(pictures.heat, "Where it looked", "The same with a heat map: the brighter a place, the more it spoke for a fake")),
        make("dl.lines", {},
          make("div", {}, make("dt", {}, "Fake probability of this frame alone"), make("dd", {}, percent(frame.fake_probability))),
          make("div", {}, make("dt", {}, "Likeness to real faces"), make("dd", {}, figure(frame.center_similarity))),
          make("div", {}, make("dt", {}, "Sure that it is a face"), make("dd", {}, percent(frame.detector_score)))));
    });
    return panel;
  }

  function whyNot(view, face) {
    if (face.reason === "too_small") return `Not judged: too small, ${Math.round(face.size)} pixels.`;
    if (face.reason === "too_few_frames") return `Not judged: seen in ${face.frames.length} of ${view.wanted} frames, too few.`;
    return `Not judged: ${plain(face.reason)}.`;
  }

  function person(view, face, selection, picture) {
    const pictures = (view.pictures.faces || {})[face.track] || {};
    const frames = face.frames.filter((frame) => pictures[frame.index]);
    const places = frames.map((frame) => selection.frames.indexOf(frame.index));
    const id = `face-${++unique}`;
    const crops = frames.map((frame, k) => {
      const image = make("img", { alt: "", width: 160, height: 160 });
      const choose = () => selection.set({ place: places[k], face: face.track });
      const button = make("button.crop", { type: "button", click: choose }, image, make("span", {}, percent(frame.fake_probability).replace("below ", "<").replace("above ", ">")));
      button.setAttribute("aria-label", `Frame ${places[k] + 1}: ${percent(frame.fake_probability)}`);
      return { button, image, frame };
    });
    const strip = make("div.strip", { role: "group", "aria-label": `${who(view, face)}, frame by frame`, keydown: (event) => {
      if (selection.key(event, places)) crops[Math.max(0, places.indexOf(selection.place))].button.focus();
    } }, crops.map((crop) => crop.button));
    selection.watch(() => {
      const current = places.indexOf(selection.place);
      crops.forEach(({ button, image, frame }, k) => {
        button.tabIndex = k === Math.max(0, current) ? 0 : -1;
        button.setAttribute("aria-pressed", k === current);
        picture(image, (selection.heat && pictures[frame.index].heat) || pictures[frame.index].face);
      });
      if (current >= 0) {
        const to = crops[current].button;
        strip.scrollLeft = Math.max(to.offsetLeft + to.offsetWidth - strip.clientWidth, Math.min(strip.scrollLeft, to.offsetLeft));
      }
    });
    const seen = view.kind === "video" ? `Seen in ${many(face.frames.length, "frame")}, ` : "";
    return make(`article.person.is-${face.verdict}`, { "aria-labelledby": id },
      make("h4", { id }, icon(face.verdict), `${who(view, face)}: ${(WORDS[face.verdict] || face.verdict).toLowerCase()}`,
        isNumber(face.fake_probability) && `, ${percent(face.fake_probability)}`),
      make("p.small", {}, face.interval && `95 % interval ${bounds(face.interval)}. `, face.reason && `${whyNot(view, face)} `,
        `${seen}${seen ? "" : "Of "}${Math.round(face.size)} pixels.`),
      isNumber(face.fake_probability) && view.faces.length > 1 && scale(face, view.threshold), strip);
  }

  function faces(view, selection, picture) {
    const heat = Object.values(view.pictures.faces || {}).some((frames) => Object.values(frames).some((one) => one.heat));
    const toggle = heat && make("label.switch", {}, make("input", { type: "checkbox", role: "switch", change: (event) => selection.set({ heat: event.target.checked }) }),
      " Show where the model looked");
    return section(view.faces.length > 1 ? "Faces" : "The face", "faces",
      heat ? make("p.small", {}, "The brighter a place in a heat map, the more it spoke for a fake.") : null, toggle,
      view.faces.map((face) => person(view, face, selection, picture)));
  }

  function section(title, kind, ...children) {
    const id = `section-${++unique}`;
    return make(`section.${kind}`, { "aria-labelledby": id }, make("h3", { id }, title), children);
  }

  /** What the model was trained and tested on. Any part of a card may be missing. */
  function about(model) {
    const card = model.card || {}, recipe = card.recipe || {};
    const facts = [
      ["Model", model.name], ["Version", model.version ?? card.version], ["Recipe", card.name], ["Made on", card.date],
      ["Network", recipe.backbone], ["Faces as the network sees them", recipe.image_size && `${recipe.image_size} × ${recipe.image_size} pixels`],
      ["Digest", model.digest && model.digest.slice(0, 12)],
      ["Calibrated", model.calibrated == null ? null : model.calibrated ? "yes, on its validation split" : "no"],
    ].filter(([, value]) => value != null && value !== "" && value !== false);
    const table = (caption, heads, rows) => make("div.wide", { tabindex: 0, role: "region", "aria-label": caption }, make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, heads.map((head, k) => make(k < 2 ? "th.text" : "th", { scope: "col" }, head)))), make("tbody", {}, rows)));
    const trained = (card.trained_on || []).map((row) => make("tr", {}, make("th.text", { scope: "row" }, row.dataset ?? "–"),
      make("td.text", {}, row.method ?? "–"), make("td", {}, row.label === 1 ? "fake" : row.label === 0 ? "real" : "–"),
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
      keys.length > 0 && make("p.small", {}, "AUC: how well reals and fakes are told apart, from 0.5 (not at all) to 1. ACC: right answers at 50 %. "
        + "EER: errors of both kinds where they are equally frequent. Brier, ECE: how far the probabilities are off. Small: 95 % intervals."),
      reasons.length > 0 && make("ol.reasons", {}, reasons.map((reason) => make("li", {}, reason))),
    ];
    const part = section("About this model", "about",
      make("p", {}, "A model knows the kinds of fakes that it was trained on. Of others, and of clips that look unlike its data, it can be wrong and sure of it. "
        + "Treat a verdict as a hint to look closer, never as a proof."),
      facts.length > 0 && make("dl.facts", {}, facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value))))),
      !model.card && make("p", {}, "This model came without a card: what it was trained and tested on is not known."),
      model.card && (trained.length ? table("Trained on", ["Data set", "Method", "Label", "Videos", "Faces"], trained) : make("p", {}, "What it was trained on is not known.")),
      model.card && (videos.length ? table("Tested on: videos", heads, videos) : make("p", {}, frames.length ? "" : "It has not been tested.")),
      frames.length > 0 && make("details", {}, make("summary", {}, "Tested on: single frames"), table("Tested on: single frames", heads, frames)), explained);
    part.id = "about-model";
    part.tabIndex = -1;
    return part;
  }

  /** Images get their address, or what `load` makes of it once they are near the screen. */
  function loader({ base, load }) {
    const wanted = new WeakMap();
    const fill = async (image, address) => {
      const source = await load(new URL(address, base).href).catch(() => null);
      if (source && wanted.get(image) === address) image.src = source;
    };
    const near = load && new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) { near.unobserve(target); fill(target, wanted.get(target)); }
    }, { rootMargin: "200px" });
    return (image, address) => {
      if (wanted.get(image) === address) return image;
      wanted.set(image, address);
      if (load && !address.startsWith("data:")) { near.unobserve(image); near.observe(image); }
      else image.src = address.startsWith("data:") ? address : new URL(address, base).href;
      return image;
    };
  }

  /**
   * Draw a verdict into an element, in place of what is there.
   * @param {Element} target
   * @param {object} view as pipeline.verdict.view.view makes it
   * @param {{base?: string, load?: function(string): Promise<string>}} options what addresses of pictures are relative to,
   *   and how to get one where its address alone does not do
   */
  function render(target, view, options = {}) {
    const picture = loader({ base: document.baseURI, ...options });
    view = { faces: [], ...view, pictures: view.pictures || {} };
    const parts = [headline(view, `verdict-${++unique}`)];
    const selection = new Selection(view);
    if (selection.frames.length) {
      const time = timesOf(view);
      const clip = view.kind === "video" && view.faces.length > 0 && selection.frames.length > 1;
      parts.push(section(clip ? "Over time" : view.kind === "video" ? "Frames" : "The picture", "frames",
        clip && [make("p.small", {}, "Fake probability of each frame alone. Dashed: the threshold. Band: the interval of the whole clip. A gap: no face. "
          + "Click, or use the arrow keys."), timeline(view, selection, time)],
        view.faces.length > 1 && legend(view, selection),
        make("div.look", {}, viewer(view, selection, time, picture), view.faces.length > 0 && close(view, selection, picture))));
    }
    if (view.faces.length) parts.push(faces(view, selection, picture));
    parts.push(about(view.model || {}));
    target.replaceChildren(make("div.verdict", {}, parts));
    return target.firstChild;
  }

  return { render, make, percent, count, many, icon, clock, WORDS };
})();
