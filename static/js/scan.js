// The scanner of the register page: camera, photo or typed serial, into one form.
// Markup and data attributes: templates/provisioning/scanning/_scanner.html.
"use strict";

(() => {
  const MEMORY = 1000; // ms that a text counts as still in view
  const STALE = 2500; // ms after which what was said of a code no longer holds
  const PATIENCE = 10000; // ms without any code until the page helps
  const AGAIN = 1000; // ms in which a form is not sent twice
  const SLOW = 8000; // ms until a missing answer is spoken of
  const AIM = "Hold the label's code inside the frame.";
  const HELP = "No code yet. Go closer, tilt the phone away from glare, wipe the label. A photo or the typed serial works too.";

  class Scanner {
    constructor(root) {
      this.root = root;
      this.form = root.querySelector("form");
      this.field = this.form.elements.text;
      this.video = root.querySelector("video");
      this.origins = [location.origin, ...root.dataset.origins.split(/\s+/).filter(Boolean)];
      this.reader = new ScanReader.Reader(root.dataset);
      this.camera = new ScanCamera.Camera(this.video, () => this.fail("ended"));
      this.seen = new Map(); // text -> when it was last in view
      this.sent = -Infinity;
      this.whole = null; // what was read, while the field stands for it
      this.once = null; // a text that waits for its second sighting
      this.sound = new ScanSound.Sound();
      this.wire();
      this.state = "idle";
    }

    part(name) {
      return this.root.querySelector(`[data-scan="${name}"]`);
    }

    on(name, event, handler) {
      this.part(name).addEventListener(event, handler);
    }

    get state() {
      return this.root.dataset.state;
    }

    set state(value) {
      this.root.dataset.state = value;
    }

    wire() {
      for (const part of this.root.querySelectorAll("[data-scan-script]")) part.hidden = false;
      for (const start of this.root.querySelectorAll("[data-scan-start]")) {
        start.addEventListener("click", () => this.start());
      }
      this.on("stop", "click", () => this.stop("idle"));
      this.on("photo", "change", (event) => this.photo(event.target));
      this.on("light", "click", (event) => this.light(event.currentTarget));
      this.on("zoom", "input", (event) => this.camera.zoom(Number(event.target.value)));
      this.on("sound", "click", () => this.mute(!this.sound.muted));
      this.mute(this.sound.muted);
      this.field.addEventListener("input", () => this.typed());
      this.form.addEventListener("formdata", ({ formData }) => this.whole && formData.set("text", this.whole));
      new ScanKeys.Keys(this.field, this.form);
      this.form.addEventListener("submit", (event) => this.sending(event));
      document.addEventListener("visibilitychange", () => document.hidden && this.pause());
      window.addEventListener("pagehide", () => this.pause());
      window.addEventListener("pageshow", (event) => event.persisted && this.reset());
      const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 500));
      if (!navigator.connection?.saveData) idle(() => this.reader.prepare());
    }

    // The camera

    async start() {
      this.state = "asking";
      this.trouble(null);
      this.say("Waiting for the camera. If the browser asks, choose Allow.");
      this.sound.wake();
      this.reader.prepare();
      try {
        if (!(await this.camera.start())) return;
      } catch (error) {
        this.fail(error);
        return;
      }
      this.state = "running";
      this.say(AIM);
      this.offer();
      this.part("stop").focus({ preventScroll: true });
      await this.watch();
    }

    offer() {
      const { torch, zoom } = this.camera.abilities;
      const light = this.part("light");
      light.hidden = !torch;
      light.setAttribute("aria-pressed", "false");
      const slider = this.part("zoom");
      slider.closest("label").hidden = !(zoom && zoom.max > zoom.min);
      if (zoom) Object.assign(slider, { min: zoom.min, max: zoom.max, step: zoom.step || 0.1, value: zoom.min });
    }

    light(button) {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      this.camera.light(on);
    }

    async watch() {
      this.seen.clear();
      this.once = null;
      this.lastSeen = performance.now();
      const watching = this.camera.attempt;
      const current = () => this.state === "running" && watching === this.camera.attempt;
      try {
        for (let turn = 0; current(); turn += 1) {
          await nextFrame(this.video);
          if (!current() || !this.video.videoWidth) continue;
          const { image, how } = ScanReader.look(this.video, inView(this.video), turn, this.aim());
          const texts = await this.reader.read(image, how);
          if (current()) this.judge(texts);
        }
      } catch {
        this.stop("failed");
        this.unloaded();
      }
    }

    judge(texts) {
      const now = performance.now();
      for (const text of texts) this.seen.set(text, now);
      for (const [text, when] of this.seen) if (now - when > MEMORY) this.seen.delete(text);
      const labels = ScanText.labels([...this.seen.keys()], this.origins);
      if (labels.length > 1) {
        this.lastSeen = now;
        this.say("Two different codes are in view. Move closer, or cover one of them.", "warn");
        return;
      }
      if (texts.length === 0) {
        this.encourage(now);
        return;
      }
      this.lastSeen = now;
      const [text = texts[0]] = labels;
      if (!texts.includes(text)) return;
      const verdict = ScanText.classify(text, this.origins);
      if (!verdict.candidate) this.say(notLabel(verdict), "warn");
      else if (verdict.sure || text === this.once) this.found(text, "camera", this.video, inView(this.video));
      else this.once = text;
    }

    /** How far down the picture the viewfinder's centre is, 0 to 1. */
    aim() {
      const frame = this.root.querySelector(".scanner-frame").getBoundingClientRect();
      const view = this.video.getBoundingClientRect();
      return (frame.top + frame.height / 2 - view.top) / view.height;
    }

    encourage(now) {
      const waited = now - this.lastSeen;
      if (waited > PATIENCE) this.say(HELP);
      else if (waited > STALE) this.say(AIM);
    }

    pause() {
      if (this.state === "running") this.stop("paused");
    }

    stop(state) {
      const held = this.root.querySelector(".scanner-live")?.contains(document.activeElement);
      this.camera.stop();
      this.video.pause();
      this.state = state;
      this.say(state === "paused" ? "The camera was paused while the page was hidden." : "");
      if (held) this.part("start").focus({ preventScroll: true });
    }

    fail(error) {
      this.stop("failed");
      this.trouble(ScanCamera.trouble(error));
    }

    // The photo

    async photo(input) {
      const [file] = input.files;
      input.value = ""; // the same file can be chosen again
      if (!file) return;
      this.stop("reading");
      this.trouble(null);
      this.say("Reading the photo…");
      try {
        const picture = await createImageBitmap(file).catch(() => null);
        const enough = (texts) => ScanText.labels(texts, this.origins).length > 0;
        if (picture) this.judgePhoto(await ScanPhoto.read(picture, this.reader, enough), picture);
        else this.noPhoto("This file is not a picture that the browser can open", "Choose a JPEG or PNG.");
        picture?.close();
      } catch {
        this.unloaded();
      }
      if (this.state === "reading") this.state = "idle";
    }

    judgePhoto(texts, picture) {
      if (texts.length === 0) {
        this.noPhoto("No code was found in this photo",
          "Go closer until the code fills a third of the picture, hold still, avoid glare and shadow, and wipe the label. Or type the serial printed beside the code.");
        return;
      }
      const labels = ScanText.labels(texts, this.origins);
      if (labels.length > 1) {
        this.noPhoto("Two different codes are in this photo", "Take it again with only the device's label in it.");
        return;
      }
      const [text = texts[0]] = labels;
      const verdict = ScanText.classify(text, this.origins);
      if (verdict.candidate) this.found(text, "photo", picture, cover(picture.width, picture.height, this.video));
      else this.noPhoto("This is not a device label", notLabel(verdict));
    }

    noPhoto(title, advice) {
      this.say("");
      this.trouble({ title, advice });
    }

    unloaded() {
      this.say("");
      this.trouble({
        title: "The code reader could not be loaded",
        advice: "Check the connection and try again, or type the serial.",
      });
    }

    // The result

    found(text, via, picture, part) {
      this.keep(picture, part);
      this.camera.stop();
      this.video.pause();
      this.field.value = text;
      this.whole = text; // the field has no room for lines
      this.form.elements.via.value = via;
      this.state = "found";
      this.say("Label read.", "good");
      this.sound.beep();
      navigator.vibrate?.(80);
      // One painted frame of green before the page goes.
      requestAnimationFrame(() => setTimeout(() => this.form.requestSubmit(), 0));
    }

    /** Leave the picture that was read on the stage while the page goes. */
    keep(picture, part) {
      const still = this.part("still");
      [still.width, still.height] = [640, (640 * part.height) / part.width];
      const pen = still.getContext("2d");
      pen.drawImage(picture, part.x, part.y, part.width, part.height, 0, 0, still.width, still.height);
    }

    typed() {
      this.form.elements.via.value = "typed";
      this.whole = null;
    }

    sending(event) {
      const now = performance.now();
      if (now - this.sent < AGAIN) {
        event.preventDefault(); // a scanner that ends its text by two returns
        return;
      }
      this.sent = now;
      this.camera.stop();
      if (navigator.onLine === false) {
        event.preventDefault();
        this.sent = -Infinity;
        this.say("The serial is ready, but there is no connection. It is sent when the signal is back.", "warn");
        window.addEventListener("online", () => this.form.requestSubmit(), { once: true });
        return;
      }
      if (this.state !== "found") this.state = "sending";
      this.say("Opening the device…", "good");
      setTimeout(() => this.say("No answer yet: the signal may be weak. Wait, or press the button again.", "warn"), SLOW);
    }

    reset() {
      this.typed();
      this.sent = -Infinity;
      this.state = "idle";
      this.say("");
    }

    /** Tell everybody, also who listens; a repeated message stays silent. */
    say(message, tone = "plain") {
      const line = this.part("message");
      line.dataset.tone = tone;
      if (line.textContent !== message) line.textContent = message;
    }

    trouble(what) {
      const box = this.part("trouble");
      box.hidden = !what;
      this.part("trouble-title").textContent = what?.title ?? "";
      this.part("trouble-advice").textContent = what?.advice ?? "";
      if (what) this.say("");
    }

    mute(muted) {
      this.sound.muted = muted;
      this.part("sound").setAttribute("aria-pressed", String(!muted));
    }
  }

  function notLabel({ what }) {
    const named = what[0].toUpperCase() + what.slice(1);
    return what.startsWith("not")
      ? "That code is not a label of this site. Look for the label with the device's serial."
      : `${named} is not a device label. Look for the label with the device's serial.`;
  }

  function nextFrame(video) {
    return new Promise((resolve) => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
      setTimeout(resolve, 500); // a camera that stalls: look whether the state has changed
    });
  }

  /** The part of a picture that `object-fit: cover` shows in `box`. */
  function cover(pictureWidth, pictureHeight, box) {
    const shape = box.clientWidth / box.clientHeight || pictureWidth / pictureHeight;
    const width = Math.min(pictureWidth, pictureHeight * shape);
    const height = Math.min(pictureHeight, pictureWidth / shape);
    return { x: (pictureWidth - width) / 2, y: (pictureHeight - height) / 2, width, height };
  }

  /** What of the video the technician sees: nobody aims at what is cut off. */
  const inView = (video) => cover(video.videoWidth, video.videoHeight, video);

  for (const root of document.querySelectorAll("[data-scanner]")) new Scanner(root);
})();
