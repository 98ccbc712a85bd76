/* The report: the page holds all verdicts as JSON and shows one at a time, the one that the address names. */
(() => {
  const root = document.documentElement;
  let errors = 0;
  const failed = () => { root.dataset.errors = ++errors; };
  root.dataset.errors = 0;
  addEventListener("error", failed, true);
  addEventListener("unhandledrejection", failed);
  document.addEventListener("securitypolicyviolation", failed);

  const sources = document.querySelectorAll("script.verdict");
  const target = document.getElementById("verdict");
  let shown = -1;

  function show(move) {
    const named = /^#file-(\d+)$/.exec(location.hash);
    const number = Math.min(sources.length, Math.max(1, named ? Number(named[1]) : 1)) - 1;
    if (number < 0 || number === shown) return;
    shown = number;
    const verdict = Verdict.render(target, JSON.parse(sources[number].textContent));
    for (const link of document.querySelectorAll("#files a")) {
      if (link.hash === `#file-${number + 1}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (move) {
      verdict.scrollIntoView();
      verdict.querySelector("h2").focus({ preventScroll: true });
    }
  }

  addEventListener("hashchange", () => show(true));
  show(false);
  root.dataset.ready = "";
})();
