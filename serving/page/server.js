/* Requests to the server: one after the other, each repeated until it is answered. */
const Server = (() => {
  const PATIENCE = 60000;  // milliseconds without an answer

  /** An error in words for the user; `again`: trying again may help. */
  class Trouble extends Error {
    constructor(message, again = false) { super(message); this.again = again; }
  }
  class Cancelled extends Error {}

  const at = (address) => new URL(address.replace(/^\//, ""), document.baseURI).href;  // also under a path prefix of a proxy
  const sentence = (text) => { const t = String(text || "").trim(); return t && t[0].toUpperCase() + t.slice(1).replace(/[^.!?…]$/, "$&."); };
  const headers = () => (sessionStorage.getItem("token") ? { Authorization: `Bearer ${sessionStorage.getItem("token")}` } : {});

  function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
      const stop = () => { clearTimeout(timer); reject(new Cancelled()); };
      const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, milliseconds);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** One request: {code, body, wait [s]}; code 0 if the server does not answer. */
  function request(method, path, { body, progress, signal } = {}) {
    return new Promise((resolve, reject) => {
      const xhr = new XMLHttpRequest(), stop = () => { xhr.abort(); reject(new Cancelled()); };
      if (signal?.aborted) { reject(new Cancelled()); return; }
      xhr.open(method, at(path));
      for (const [name, value] of Object.entries(headers())) xhr.setRequestHeader(name, value);
      if (progress) xhr.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
      xhr.onloadend = () => {
        signal?.removeEventListener("abort", stop);
        let answer = {};
        try { answer = JSON.parse(xhr.responseText || "{}"); } catch { /* a proxy's page */ }
        resolve({ code: xhr.status, body: answer, wait: Number(xhr.getResponseHeader("Retry-After")) || null });
      };
      signal?.addEventListener("abort", stop, { once: true });
      xhr.send(body);
    });
  }

  /** Repeat a request until it is answered: ask for a token, and wait while the server is busy or does not answer. */
  async function ask(method, path, options = {}) {
    const { signal, note = () => {} } = options;
    let since = null, busy = 0;
    for (;;) {
      const answer = await request(method, path, options);
      if (answer.code >= 200 && answer.code < 300) return answer.body;
      if (answer.code === 401) {
        if (!(await askToken())) throw new Trouble("The server needs its token.", true);
      } else if ((answer.code === 429 || answer.code === 503) && busy < 20) {
        busy += 1;
        for (let left = Math.max(1, Math.ceil(answer.wait || 5)); left > 0; left--) {
          note(`The server is busy; trying again in ${left} s`);
          await pause(1000, signal);
        }
      } else if (answer.code === 0 && method === "GET") {
        since ??= Date.now();
        if (Date.now() - since > PATIENCE) throw gone();
        note("The server does not answer; trying again");
        await pause(2000, signal);
      } else throw trouble(answer);
    }
  }

  const gone = () => new Trouble("The server does not answer. Check that it is running and that the network works.", true);

  function trouble({ code, body }) {
    if (code === 0) return gone();
    if (code === 404) return new Trouble("The server no longer knows this file. Send it again.", true);
    if (body.error) return new Trouble(sentence(body.error), code >= 500 || code === 408 || code === 429);
    if (code === 413) return new Trouble("The file is too large for this server.");
    return new Trouble(`The server answered with an error (${code}).`, code >= 500);
  }

  let asking = null;
  function askToken() {
    asking ??= new Promise((resolve) => {
      const dialog = document.getElementById("ask");
      if (sessionStorage.getItem("token")) document.getElementById("ask-why").textContent = "That token is wrong. Try again.";
      dialog.addEventListener("close", () => {
        const given = dialog.returnValue === "ok" && document.getElementById("token").value.trim();
        document.getElementById("token").value = "";
        if (given) sessionStorage.setItem("token", given);
        asking = null;
        resolve(Boolean(given));
      }, { once: true });
      dialog.returnValue = "";
      dialog.showModal();
    });
    return asking;
  }

  /** Fetch something with the token: the address of a blob. */
  async function fetched(address) {
    const answer = await fetch(address, { headers: headers() });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return URL.createObjectURL(await answer.blob());
  }

  return { Trouble, Cancelled, at, sentence, request, ask, pause, headers, fetched };
})();
