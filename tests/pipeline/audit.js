// Returns what is wrong with a page's accessibility, as sentences. Of the names of controls the browser itself is asked.
const faults = [];
const describe = (element) => `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") || ""}"> ${element.textContent.slice(0, 40)}`;
const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });

function parse(color) {
  const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
}
const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3])).concat(1);
function luminance(color) {
  const [r, g, b] = color.slice(0, 3).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
function background(element) {
  const layers = [];
  for (let above = element; above; above = above.parentElement) layers.unshift(parse(getComputedStyle(above).backgroundColor));
  const base = matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
  return layers.reduce((below, top) => over(top, below), base);
}

if (!document.documentElement.lang) faults.push("no language");
if (!document.title.trim()) faults.push("no title");
if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
const heads = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((head) => isShown(head) && !head.closest("dialog"));
if (heads.filter((head) => head.tagName === "H1").length !== 1) faults.push("not one h1");
heads.reduce((before, head) => {
  const level = Number(head.tagName[1]);
  if (level > before + 1) faults.push(`heading level skipped: ${describe(head)}`);
  return level;
}, 0);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) faults.push(`id twice: ${id}`);
for (const name of ["aria-labelledby", "aria-describedby", "for"]) {
  for (const element of document.querySelectorAll(`[${name}]`)) {
    for (const id of element.getAttribute(name).split(/\s+/)) if (!ids.includes(id)) faults.push(`${name}="${id}" names nothing`);
  }
}
for (const image of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${describe(image)}`);
for (const cell of document.querySelectorAll("th:not([scope])")) faults.push(`no scope: ${describe(cell)}`);
for (const control of document.querySelectorAll("button, input, select, summary")) {
  const { width, height } = control.getBoundingClientRect();
  if (isShown(control) && (width < 20 || height < 20)) faults.push(`a target of ${width} x ${height}: ${describe(control)}`);
}

let texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || element.closest("script, style, noscript, dialog:not([open]), #status, :disabled") || !isShown(element)) continue;
  const style = getComputedStyle(element), svg = element.namespaceURI.endsWith("svg");
  const below = background(element), size = parseFloat(style.fontSize);
  const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  const found = contrast(over(parse(svg ? style.fill : style.color), below), below);
  texts += 1;
  if (found < needed) faults.push(`contrast ${found.toFixed(2)} of ${needed}: ${describe(element)}`);
}
if (texts < 5) faults.push(`only ${texts} texts were looked at`);
const { scrollWidth } = document.documentElement;
if (scrollWidth > innerWidth) faults.push(`${scrollWidth} pixels wide on a screen of ${innerWidth}`);
return faults;
