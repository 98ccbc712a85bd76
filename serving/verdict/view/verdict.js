/* Draws a verdict: the JSON of serving.verdict.view.verdict_view becomes elements. The report and the server's page share it. */
const Verdict = (() => {
  const { WORDS, make, isNumber, count, figure, many, plain, percent, bounds, clock, duration, icon, scale, section, notes } = Elements;
  const { Selection, timesOf, scoreOf, who, timeline, legend } = Timeline;
  const NOTES = {
    damaged_file: "Damaged file",
    doubtful_face: "Doubtful face",
    first_picture: "Several pictures",
    hdr: "High dynamic range",
    interlaced: "Interlaced",
    not_square: "Stretched",
    other_streams: "Several films",
    smaller_faces: "Small faces",
  };
  const HELP = {
    no_face: "Faces are found if they are seen from the front or half from the side, and are at least about 20 pixels wide.",
    too_small: "The original, before anything made it smaller, may help, or a part of the clip in which the face is closer; not a copy that "
      + "was enlarged. A smaller limit (min_face) gives a score, of which less is known.",
    doubtful_face: "What was found may not be a face: a drawing, a pattern, or someone who looks away.",
    unsteady_face: "What was found may not be a face: the detector loses it again and again, as it does with backgrounds.",
    too_few_frames: "A longer part of the clip with the same face may help, or examining more frames.",
  };

  /** The face that decides; the headline is about it. */
  const decisive = (view) => view.faces.find((face) => face.track === view.face) || view;

  function interval(view) {
    const never = "It does not tell how often the model is wrong on kinds of fakes that it has never seen; for that, see ";
    const link = make("a", { href: "#about-model", click: (event) => {  // a report's address names its file
      event.preventDefault();
      document.getElementById("about-model").scrollIntoView();
      document.getElementById("about-model").focus({ preventScroll: true });
    } }, "what it was tested on");
    if (!decisive(view).interval) {
      return ["There is no interval: a single picture does not show how much the score varies. The probability does not tell how "
        + "often the model is wrong on kinds of fakes that it has never seen; for that, see ", link, "."];
    }
    return [view.kind === "video" ? "The interval shows how the score varies between the frames of this clip. "
      : "The interval shows how much scores usually vary between pictures of one person. ", never, link, "."];
  }

  function headline(view, id) {
    const info = view.info || {}, doubtful = view.faces.filter((face) => face.doubtful).length, sure = view.faces.length - doubtful;
    const facts = [
      { video: "Video", image: "Picture", crop: "Face crop" }[view.kind], view.kind === "video" && isNumber(info.seconds) && duration(info.seconds),
      info.width && info.height && `${info.width} × ${info.height}`, sure > 0 && many(sure, "face"),
      doubtful > 0 && many(doubtful, "doubtful face"),
    ].filter(Boolean);
    const assessed = isNumber(view.fake_probability), face = decisive(view);
    const words = view.verdict !== "not_judged", what = words ? " fake probability" : " bare score";
    const label = view.faces.length > 1 && assessed ? `${what}, ${face.doubtful ? "doubtful " : ""}face ${view.face + 1}` : what;
    const seen = assessed ? face.frames.length : 0, whole = info.frames > view.wanted ? `, evenly spaced over the clip's ${count(info.frames)}` : "";
    const meter = view.kind === "video" && view.wanted > 0 && make("div.share", {},
      make("span", {}, `${assessed ? "This face is seen" : "A face that can be assessed is seen"} in ${seen} of the ${many(view.wanted, "frame")} examined${whole}`,
        view.with_face !== seen && `; any face in ${view.with_face}`),
      make("progress", { max: 1, value: view.wanted > 0 ? seen / view.wanted : 0, "aria-label": "Share of the examined frames" }));
    return make(`section.headline.is-${view.verdict}`, { "aria-labelledby": id },
      make("p.file", {}, make("strong", {}, view.file), " ", make("span", {}, facts.join(" · "))),
      make("div.word", {}, icon(view.verdict), make("h2", { id, tabindex: -1 }, WORDS[view.verdict] || plain(view.verdict)),
        assessed && make("p.number", {}, make("b", {}, percent(face.fake_probability)), label)),
      make("p.statement", {}, view.statement),
      !assessed && HELP[view.reason] && make("p", {}, HELP[view.reason]),
      assessed && words && scale(face, view.threshold), meter,
      assessed && words && make("p.small", {}, interval(view)), notesOf(view), identity(view));
  }

  /** What ties the verdict to one file, one model and one moment. */
  function identity(view) {
    const digest = (view.info || {}).sha256, lines = [
      digest && ["SHA-256 of the file", digest], view.judged_at && ["Judged", view.judged_at.replace("T", " ").replace("+00:00", " UTC")],
      view.model && view.model.digest && ["Model", `${view.model.name}, ${view.model.digest}`], view.version && ["Made by", view.version],
      view.parameters && ["Options", options(view.parameters)],
    ].filter(Boolean);
    return lines.length > 0 && make("dl.identity", {}, lines.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))));
  }

  /** The options in force, as the command takes them. */
  function options(parameters) {
    return Object.entries(parameters).filter(([, value]) => value != null)
      .map(([name, value]) => `${name} ${isNumber(value) ? Number(value.toFixed(4)) : value}`).join(", ");
  }

  function notesOf(view) {
    const lines = Object.entries(view.notes || {}).map(([key, text]) => [NOTES[key] || plain(key), text]);
    lines.push(...About.caveats(view.model || {}));
    if (isNumber(view.fake_probability) && view.model && view.model.calibrated === false) {
      lines.push(["Not calibrated", "the probability ranks clips, but 90 % need not mean that nine in ten are fake"]);
    }
    return notes(lines);
  }

  function readout(view, selection, time) {
    const where = view.kind === "video"
      ? `Frame ${selection.place + 1} of ${selection.frames.length}, at ${clock(time(selection.frame))}. ` : "";
    const shown = view.faces.filter((face) => selection.of(face.track));
    if (!shown.length) return `${where}No face was found here.`;
    return where + shown.map((face) => `${who(view, face)}: ${scoreOf(face, selection.of(face.track))}`).join("; ");
  }

  function viewer(view, selection, time, picture) {
    const image = make("img", { alt: "" }), boxes = make("div.boxes"), missing = make("p.missing", {}, "This frame was not kept.");
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
      const label = make("span", {}, view.faces.length > 1 && make("b", {}, `${face.track + 1} `), scoreOf(face, frame));
      const choose = (event) => { event.stopPropagation(); selection.set({ face: face.track }); };
      const box = make(`div.box.c${face.track % 8}${face.doubtful ? ".doubtful" : ""}${face.track === selection.face ? ".chosen" : ""}${top < 0.1 * info.height ? ".inside" : ""}`, { click: choose }, label);
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
          pictures.heat && shown(pictures.heat, "Where it looked", "The same face with a heat map: the brighter an area, the more it spoke for a fake")),
        make("dl.lines", {},
          make("div", {}, make("dt", {}, "Fake probability of this frame alone"), make("dd", {}, scoreOf(face, frame))),
          make("div", {}, make("dt", {}, "Similarity to real faces"), make("dd", {}, figure(frame.center_similarity))),
          make("div", {}, make("dt", {}, "Confidence that it is a face"), make("dd", {}, percent(frame.detector_score)))));
    });
    return panel;
  }

  function whyNot(view, face) {
    const why = {
      too_small: `too small, ${Math.round(face.size)} pixels`
        + (view.parameters && isNumber(view.parameters.min_face) ? `, less than the ${view.parameters.min_face} of min_face` : ""),
      doubtful_face: "it may be no face, the detector is not sure of it",
      unsteady_face: "it may be no face, the detector loses it again and again",
      too_few_frames: `seen in ${face.frames.length} of ${view.wanted} frames, too few`,
    }[face.reason] || plain(face.reason);
    return `Doubtful: ${why}. ${isNumber(face.fake_probability) ? "It alone looks fake." : "No verdict rests on it."}`;
  }

  function person(view, face, selection, picture) {
    const pictures = (view.pictures.faces || {})[face.track] || {};
    const frames = face.frames.filter((frame) => pictures[frame.index]);
    const places = frames.map((frame) => selection.frames.indexOf(frame.index));
    const id = `face-${face.track}`;
    const crops = frames.map((frame, k) => {
      const image = make("img", { alt: "", width: 160, height: 160 });
      const choose = () => selection.set({ place: places[k], face: face.track });
      const button = make("button.crop", { type: "button", click: choose }, image, make("span", {}, scoreOf(face, frame).replace("below ", "<").replace("above ", ">")));
      button.setAttribute("aria-label", `Frame ${places[k] + 1}: ${scoreOf(face, frame)}`);
      return { button, image, frame };
    });
    const strip = make("div.strip", { role: "group", "aria-label": `${who(view, face)}, frame by frame`, keydown: (event) => {
      if (selection.key(event, places)) crops[Math.max(0, places.indexOf(selection.place))].button.focus();
    } }, crops.map((crop) => crop.button));
    selection.watch(() => {
      const current = places.indexOf(selection.place);
      crops.forEach(({ button, image, frame }, k) => {
        button.tabIndex = k === Math.max(0, current) ? 0 : -1;
        button.classList.toggle("here", k === current);
        button.setAttribute("aria-pressed", k === current && selection.face === face.track);
        picture(image, (selection.heat && pictures[frame.index].heat) || pictures[frame.index].face);
      });
      if (current >= 0) {
        const to = crops[current].button;
        strip.scrollLeft = Math.max(to.offsetLeft + to.offsetWidth - strip.clientWidth, Math.min(strip.scrollLeft, to.offsetLeft));
      }
    });
    const seen = view.kind === "video" ? `Seen in ${many(face.frames.length, "frame")}, ` : "Face size: ";
    return make(`article.person.is-${face.verdict}${view.kind === "video" ? "" : ".single"}`, { "aria-labelledby": id },
      make("h4", { id }, icon(face.verdict), who(view, face), (!face.doubtful || isNumber(face.fake_probability)) && `: ${(WORDS[face.verdict] || face.verdict).toLowerCase()}`,
        isNumber(face.fake_probability) && `, ${percent(face.fake_probability)}`),
      make("p.small", {}, face.interval && `95 % interval ${bounds(face.interval)}. `, face.reason && `${whyNot(view, face)} `,
        `${seen}${Math.round(face.size)} pixels.`),
      isNumber(face.fake_probability) && face.verdict !== "not_judged" && view.faces.length > 1 && scale(face, view.threshold), strip);
  }

  function faces(view, selection, picture) {
    const heat = Object.values(view.pictures.faces || {}).some((frames) => Object.values(frames).some((one) => one.heat));
    const toggle = heat && make("label.switch", {}, make("input", { type: "checkbox", role: "switch", change: (event) => selection.set({ heat: event.target.checked }) }),
      " Show where the model looked");
    return section(view.faces.length > 1 ? "Faces" : "The face", "faces", [
      heat ? make("p.small", {}, "The brighter an area in a heat map, the more it spoke for a fake.") : null, toggle,
      make(view.kind === "video" ? "div" : "div.people", {}, view.faces.map((face) => person(view, face, selection, picture)))]);
  }

  /** A function that gives an image its address; with `load`, once the image is near the screen. */
  function loader({ address: whole = (address) => address, load }) {
    const wanted = new WeakMap();
    const fill = async (image, address) => {
      const source = await load(whole(address)).catch(() => null);
      if (source && wanted.get(image) === address) image.src = source;
    };
    const near = load && new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) { near.unobserve(target); fill(target, wanted.get(target)); }
    }, { rootMargin: "200px" });
    return (image, address) => {
      if (wanted.get(image) === address) return image;
      wanted.set(image, address);
      if (load && !address.startsWith("data:")) { near.unobserve(image); near.observe(image); }
      else image.src = address.startsWith("data:") ? address : whole(address);
      return image;
    };
  }

  /**
   * Draw a verdict into an element, in place of its content.
   * @param {Element} target
   * @param {object} view made by serving.verdict.view.verdict_view
   * @param {{address?: function(string): string, load?: function(string): Promise<string>}} options `address` completes
   *   the address of a picture; `load` fetches a picture that an image element cannot fetch itself
   */
  function render(target, view, options = {}) {
    const picture = loader(options);
    view = { faces: [], ...view, pictures: view.pictures || {} };
    const parts = [headline(view, "verdict-word")];
    const selection = new Selection(view);
    if (selection.frames.length) {
      const time = timesOf(view);
      const clip = view.kind === "video" && view.faces.some((face) => isNumber(face.fake_probability)) && selection.frames.length > 1;
      parts.push(section(clip ? "Over time" : view.kind === "video" ? "Frames" : "The picture", "frames", [
        clip && [make("p.small", {}, "Fake probability of each frame alone. Dashed: the threshold. Band: the interval of the whole clip. A gap: no face. "
          + "Click, or use the arrow keys."), timeline(view, selection, time)],
        view.faces.length > 1 && legend(view, selection),
        make("div.look", {}, viewer(view, selection, time, picture), view.faces.length > 0 && close(view, selection, picture))]));
    }
    if (view.faces.length) parts.push(faces(view, selection, picture));
    parts.push(About.about(view.model || {}));
    target.replaceChildren(make("div.verdict", {}, parts));
    selection.set({});  // now that it has a size, the strips can scroll to what is selected
    return target.firstChild;
  }

  return { render };
})();
