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

  /* The table of all files: a click on a head sorts by it, and a word leaves the rows that have it. */
  const table = document.getElementById("files");
  if (table) {
    const rows = [...table.tBodies[0].rows], filter = document.querySelector(".filter");
    const valueOf = (row, column) => { const cell = row.cells[column]; return cell.dataset.value ?? cell.textContent.trim(); };
    const compare = (one, other) => {
      const numbers = one !== "" && other !== "" && !isNaN(one) && !isNaN(other);
      return numbers ? one - other : one.localeCompare(other, "en", { numeric: true });
    };
    [...table.tHead.rows[0].cells].forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const last = head.getAttribute("aria-sort");
      const rising = last ? last === "descending" : column < 2;  // words begin with A, figures with the highest
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      rows.sort((one, other) => (rising ? 1 : -1) * compare(valueOf(one, column), valueOf(other, column)));
      table.tBodies[0].append(...rows);
    }));
    filter.hidden = false;
    filter.querySelector("input").addEventListener("input", (event) => {
      const word = event.target.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !`${row.textContent} ${row.querySelector("a").title}`.toLowerCase().includes(word);
      filter.querySelector("output").textContent = word ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} files` : "";
    });
  }

  addEventListener("hashchange", () => show(true));
  show(false);
  root.dataset.ready = "";
})();
