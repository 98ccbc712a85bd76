"use strict";
/* What verdicts are drawn with: elements, and numbers as people read them.
   Text is only ever set as text, never parsed as markup: a file may have any name. */
const Elements = (() => {
  const WORDS = { fake: "Likely fake", real: "Likely real", unsure: "Unsure", cannot_judge: "Cannot judge", not_judged: "Not judged" };
  const ICONS = {
    fake: "M12 3 22.5 21h-21zM12 9.5v5.5M12 17.6v.6", real: "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19M7.5 12.5l3 3 6-6.5",
    unsure: "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19M9 9.5a3 3 0 1 1 4.4 2.7c-1 .5-1.4 1-1.4 2M12 16.6v.6",
    cannot_judge: "M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 1 0 0-19M5.5 5.5l13 13",
  };
  const SVG = "http://www.w3.org/2000/svg";

  /** Make an element. Attributes that are functions become event listeners; null and false are left out. */
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
  const figure = (value) => (isNumber(value) ? value.toFixed(3).replace("-", "−") : "–");
  const many = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
  const plain = (key) => String(key).replaceAll("_", " ");

  /** A probability as people read it; never 0 or 100 % unless it is. */
  function percent(value) {
    if (!isNumber(value)) return "–";
    if (value > 0 && value < 0.001) return "below 0.1\u00a0%";
    if (value > 0.999 && value < 1) return "above 99.9\u00a0%";
    return `${(100 * value).toFixed(1)}\u00a0%`;
  }

  function bounds([low, high]) {
    return percent(low) === percent(high) ? percent(low) : `${percent(low)} to ${percent(high)}`;
  }

  function clock(seconds) {
    const tenths = Math.round(10 * Math.max(0, seconds));
    return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
  }

  function duration(seconds) {
    return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
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

  let unique = 0;

  /** A section with a heading; `kind` is its class. */
  function section(title, kind, children, level = 3) {
    const id = `section-${++unique}`;
    return make(`section.${kind}`, { "aria-labelledby": id }, make(`h${level}.title`, { id }, title), children);
  }

  /** A list of [name, text] that stands out. */
  function notes(lines) {
    const end = (text) => `${String(text).replace(/[.\s]+$/, "")}.`;
    return lines.length > 0 && make("ul.notes", { "aria-label": "Notes" },
      lines.map(([name, text]) => make("li", {}, make("strong", {}, `${name}: `), end(text))));
  }

  return { WORDS, make, isNumber, count, figure, many, plain, percent, bounds, clock, duration, icon, scale, section, notes };
})();
