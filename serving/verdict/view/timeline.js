/* The selected frame and face of a verdict, and the chart of the probability over time. */
const Timeline = (() => {
  const { make, isNumber, clock, percent } = Elements;
  const MARKS = [
    (x, y) => `M${x - 3.5} ${y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0`, (x, y) => `M${x - 3.2} ${y - 3.2}h6.4v6.4h-6.4z`,
    (x, y) => `M${x} ${y - 4.2}l4 7h-8z`, (x, y) => `M${x} ${y - 4.6}l4.6 4.6-4.6 4.6-4.6-4.6z`,
  ];

  /** The selected frame and face. Functions given to `watch` are called after each change. */
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

  /** A function that gives the time of a frame in seconds, also of a frame without a face. */
  function timesOf(view) {
    const known = new Map(view.faces.flatMap((face) => face.frames.map((frame) => [frame.index, frame.timestamp])));
    const info = view.info || {};
    let rate = info.frames > 0 && info.seconds > 0 ? info.seconds / info.frames : 0;
    const ends = [...known].sort((a, b) => a[0] - b[0]);
    if (ends.length > 1) rate = (ends.at(-1)[1] - ends[0][1]) / (ends.at(-1)[0] - ends[0][0]) || rate;
    const [first, start] = ends[0] || [0, 0];
    return (index) => known.get(index) ?? Math.max(0, start + (index - first) * rate);
  }

  /** The score of a face in a frame, as text; no figure if the face is not assessed. */
  const scoreOf = (face, frame) => (isNumber(face.fake_probability) ? percent(frame.fake_probability) : "not assessed");

  function who(view, face) {
    if (view.faces.length > 1) return `${face.doubtful ? "Doubtful face" : "Face"} ${face.track + 1}`;
    return face.doubtful ? "The doubtful face" : "The face";
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
      const group = `svg:g.series.c${face.track % 8}${face.track === selection.face ? ".chosen" : ""}`;
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
      const order = view.faces.filter((face) => isNumber(face.fake_probability)).sort((a, b) => (a.track === selection.face) - (b.track === selection.face));
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

  /** Buttons that choose a face, which are also the legend of the chart. */
  function legend(view, selection) {
    const buttons = view.faces.map((face) => make(`button.c${face.track % 8}`, { type: "button", click: () => selection.set({ face: face.track }) },
      make("svg:svg.mark", { viewBox: "0 0 12 12", "aria-hidden": "true" }, make("svg:path", { d: MARKS[face.track % MARKS.length](6, 6) })),
      who(view, face)));
    selection.watch(() => buttons.forEach((button, k) => button.setAttribute("aria-pressed", view.faces[k].track === selection.face)));
    return make("div.legend", { role: "group", "aria-label": "Face to follow" }, buttons);
  }

  return { Selection, timesOf, scoreOf, who, timeline, legend };
})();
