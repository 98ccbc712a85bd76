/* The page: sends one file after the other to the server, follows each until its verdict, and draws that. */
(() => {
  const { make, isNumber, percent, icon, many, duration, WORDS } = Elements;
  const { Trouble, Cancelled, at, sentence, request, ask, pause, headers, fetched } = Server;
  const STAGES = { waiting: "Waiting", "finding faces": "Finding faces", judging: "Scoring faces", drawing: "Drawing the result", done: "Done" };
  const PLAIN = {
    not_a_video: "This file cannot be read as a video or a picture.", not_an_image: "This picture cannot be read; it may be damaged.",
    heic_picture: "This is a HEIC picture. Save it as JPEG or PNG, and send that.",
    no_video_stream: "This file has no video, only sound or other data.", no_frames: "This video has no frames.",
    unknown_codec: "This kind of video cannot be read. Convert it, for example to MP4 with H.264, and send that.",
    undecodable: "This file is damaged: nothing in it can be decoded.", decoder_crashed: "This file is damaged: reading it failed.",
  };
  const UPLOAD = 0.2;  // share of the progress bar
  const FIRST = 150, POLL = 500, SLOWEST = 3000;  // milliseconds
  const byId = (id) => document.getElementById(id);
  const items = [];
  let about = null, working = false, shown = null;

  const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
  const say = (text) => { byId("status").textContent = text; };
  // --- one file ---------------------------------------------------------------------------------------------------
  class Item {
    constructor(file) {
      this.file = file;
      this.bar = make("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}` });
      this.how = make("div.how");
      this.does = make("div.does");
      this.row = make("li.item", {}, make("div.name", {}, file.name), this.how, this.bar, this.does);
      this.wait();
    }
    buttons(...pairs) {
      this.does.replaceChildren(...pairs.map(([label, act]) => make("button", { type: "button", click: act, "aria-label": `${label}: ${this.file.name}` }, label)));
    }
    set(state, text) {
      this.state = state;
      this.row.className = `item ${state}`;
      this.bar.hidden = state !== "working";
      this.how.replaceChildren(text);
    }
    wait() {
      this.set("waiting", "Waiting");
      this.buttons(["Remove", () => this.remove()]);
    }
    /** Say what happens; the bar never goes back. */
    at(text, done = 0) {
      if (this.state !== "working" || this.how.textContent !== text) this.set("working", text);
      this.bar.value = Math.max(this.bar.value, done);
    }
    remove() {
      items.splice(items.indexOf(this), 1);
      this.row.remove();
      if (this.id) request("DELETE", this.path);
      if (shown === this) { show(null); byId("files").focus(); }
    }
    get path() { return `v1/videos/${this.id}`; }

    /** Send the file, and follow the work on it to its end. */
    async process() {
      const control = new AbortController(), options = { signal: control.signal, note: (text) => this.at(text) };
      this.bar.value = 0;
      this.id = this.view = null;
      this.buttons(["Cancel", () => control.abort()]);
      try {
        check(this.file);
        this.at("Checking the file");
        await measure(this.file);
        const job = await this.follow(await this.upload(options), options);
        if (job.state === "failed") throw new Trouble(why(job.error || {}), job.error?.reason === "internal");
        if (job.state === "cancelled") throw new Cancelled();
        this.done(job);
      } catch (error) {
        this.failed(error);
      }
    }
    /** Upload the file: its job. */
    async upload(options) {
      say(`Uploading ${this.file.name}`);
      const progress = (share) => {
        const text = share < 1 ? `Uploading, ${Math.floor(100 * share)} % of ${mib(this.file.size)}` : "Uploaded";
        this.at(text, UPLOAD * share);
      };
      const body = new FormData();
      body.append("file", this.file, this.file.name);
      progress(0);
      return ask("POST", "v1/videos", { ...options, body, progress });
    }
    /** Ask for the job until it is over, less often while nothing changes; returns the last answer. */
    async follow(job, options) {
      this.id = job.id;
      let every = FIRST, known = "";
      while (!["done", "failed", "cancelled"].includes(job.state)) {
        const stage = STAGES[job.stage] || sentence(job.stage);
        const text = job.state === "queued" && job.ahead > 0 ? `Waiting: ${many(job.ahead, "file")} before it` : stage;
        this.at(text, UPLOAD + (1 - UPLOAD) * job.progress);
        if (stage !== known) say(`${this.file.name}: ${stage}`);
        known = stage;
        await pause(every, options.signal);
        const before = job;
        job = await ask("GET", this.path, options);
        const changed = ["stage", "progress", "ahead"].some((name) => job[name] !== before[name]);
        every = changed ? POLL : Math.min(1.4 * every, SLOWEST);
      }
      return job;
    }

    failed(error) {
      if (error instanceof Cancelled) {
        if (this.id) request("DELETE", this.path);
        this.set("cancelled", "Cancelled");
      } else {
        this.set("failed", error instanceof Trouble ? error.message : "Something went wrong in this page.");
        if (!(error instanceof Trouble)) console.error(error);
      }
      this.id = null;
      say(`${this.file.name}: ${this.how.textContent}`);
      const again = error instanceof Cancelled || error.again;
      this.buttons(...(again ? [["Try again", () => { this.wait(); run(); }]] : []), ["Remove", () => this.remove()]);
    }
    done(job) {
      this.view = job.view;
      this.report = job.report;
      const { verdict, fake_probability: probability } = this.view;
      const words = (WORDS[verdict] || verdict) + (isNumber(probability) ? `, fake probability ${percent(probability)}` : "");
      this.set("done", "");
      this.how.append(icon(verdict), words);
      this.how.className = `how is-${verdict}`;
      say(`${this.file.name}: ${words}`);
      this.buttons(["Show", () => show(this, true)], ["Remove", () => this.remove()]);
    }
  }

  /** Why a job failed, in plain words where there are some. */
  const why = ({ error, reason } = {}) => PLAIN[reason] || sentence(error || "the file could not be assessed");

  /** Refuse here what the server would refuse. */
  function check(file) {
    const most = about?.limits?.max_upload;
    if (most && file.size > most) throw new Trouble(`The file is too large: ${mib(file.size)}; this server takes at most ${mib(most)}.`);
    if (!file.size) throw new Trouble("The file is empty.");
    if (/^(text|audio|font)\/|^application\/(pdf|zip|json|x-tar|gzip)|officedocument/.test(file.type)) throw new Trouble("This is not a video or a picture.");
  }

  /** Likewise for videos that the browser can open; the server checks the others. */
  async function measure(file) {
    const { max_seconds: seconds, max_pixels: pixels } = about?.limits || {};
    if (!file.type.startsWith("video/")) return;
    const video = document.createElement("video"), address = URL.createObjectURL(file);
    try {
      await new Promise((resolve) => {
        video.onloadedmetadata = video.onerror = resolve;
        setTimeout(resolve, 3000);
        video.preload = "metadata";
        video.src = address;
      });
      if (seconds && Number.isFinite(video.duration) && video.duration > seconds) {
        throw new Trouble(`The video is too long: ${duration(video.duration)}; this server takes at most ${duration(seconds)}. Cut out the part that matters.`);
      }
      if (pixels && video.videoWidth * video.videoHeight > pixels) {
        throw new Trouble(`The video is too large: ${video.videoWidth} × ${video.videoHeight} pixels. Send a smaller copy.`);
      }
    } finally {
      video.removeAttribute("src");
      URL.revokeObjectURL(address);
    }
  }

  // --- all files --------------------------------------------------------------------------------------------------
  function add(files) {
    for (const file of files) {
      const item = new Item(file);
      items.push(item);
      byId("items").append(item.row);
    }
    run();
  }

  async function run() {
    if (working) return;
    working = true;
    try {
      for (let item; (item = items.find((one) => one.state === "waiting"));) {
        await item.process();
        if (item.view && (!shown || items.length === 1 || document.activeElement === document.body)) show(item);
      }
    } finally {
      working = false;
    }
  }

  /** Draw the verdict on a file, or none; `asked`: the user wants to see it now. */
  function show(item, asked = false) {
    shown = item;
    for (const one of items) one.row.toggleAttribute("aria-current", one === item);
    byId("result").hidden = !item;
    byId("model").replaceChildren(...(item || !about ? [] : [About.about(about, true)]));
    document.title = item ? `${WORDS[item.view.verdict]}: ${item.file.name}` : "Deepfake detector";
    if (!item) { byId("shown").replaceChildren(); return; }
    const drawn = Verdict.render(byId("shown"), item.view, { address: at, load: headers().Authorization && fetched });
    byId("report").href = at(item.report);
    byId("report").download = `${item.file.name.replace(/\.[^.]*$/, "")}-verdict.html`;
    const free = [document.body, byId("files")].includes(document.activeElement);
    if (asked || free) {
      byId("result").scrollIntoView();
      drawn.querySelector("h2").focus({ preventScroll: true });
    }
  }

  async function save(event) {
    if (!headers().Authorization) return;  // the browser saves it
    event.preventDefault();
    const link = event.currentTarget;
    const address = await fetched(link.href).catch(() => null);
    if (!address) { complain("The report is no longer available. Send the file again."); return; }
    make("a", { href: address, download: link.download }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }

  function complain(text) {
    byId("trouble").hidden = !text;
    byId("trouble").textContent = text;
  }

  async function learn() {
    try {
      about = await ask("GET", "v1/model", { note: complain });
      complain("");
    } catch (error) {
      complain(error.message);
      return;
    }
    const limits = about.limits || {};
    const parts = [limits.max_upload && mib(limits.max_upload), limits.max_seconds && duration(limits.max_seconds).replace(".0", "").replace(" 0 s", ""),
      limits.max_pixels && many(Math.round(limits.max_pixels / 1e6), "megapixel")].filter(Boolean);
    byId("limits").textContent = (parts.length ? `At most ${parts.join(", ")}. ` : "")
      + "The file is deleted as soon as it is assessed" + (limits.keep_seconds ? `, the verdict after ${duration(limits.keep_seconds).replace(" 0 s", "")}.` : ".");
    show(shown);
  }

  function listen() {
    const drop = byId("drop"), input = byId("files");
    input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
      document.addEventListener(kind, (event) => {
        if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
        event.preventDefault();
        drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
        if (kind === "drop") add([...event.dataTransfer.files]);
      });
    }
    byId("another").addEventListener("click", () => {
      drop.scrollIntoView({ block: "center" });
      input.focus({ preventScroll: true });
      input.click();
    });
    byId("report").addEventListener("click", save);
    addEventListener("pagehide", () => {  // nobody waits for the verdicts any more
      for (const item of items.filter((one) => one.state === "working" && one.id)) fetch(at(item.path), { method: "DELETE", headers: headers(), keepalive: true });
    });
  }

  listen();
  learn();
})();
