// The scanner of the register page: camera, photo or typed serial, into one form.
// Markup and data attributes: templates/provisioning/_scanner.html.
"use strict";

(() => {
  const MEMORY = 1000; // ms that a text counts as still in view
  const MUTED = "scanner.muted";

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
      this.once = null; // a text that waits for its second sighting
      this.sound = new Sound();
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
      this.root.setAttribute("aria-busy", String(value === "sending"));
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
      this.field.addEventListener("input", () => (this.form.elements.via.value = "typed"));
      this.form.addEventListener("submit", () => this.sending());
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
      this.say("Hold the label's code inside the frame.");
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
      const watching = this.camera.attempt;
      const current = () => this.state === "running" && watching === this.camera.attempt;
      try {
        for (let turn = 0; current(); turn += 1) {
          await nextFrame(this.video);
          if (!current() || !this.video.videoWidth) continue;
          const { image, settings } = ScanReader.look(this.video, inView(this.video), turn);
          const texts = await this.reader.read(image, settings);
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
      if (this.seen.size > 1) {
        this.say("Two different codes are in view. Move closer, or cover one of them.", "warn");
        return;
      }
      if (texts.length === 0) return;
      const verdict = ScanText.classify(texts[0], this.origins);
      if (!verdict.candidate) this.say(notLabel(verdict), "warn");
      else if (verdict.sure || texts[0] === this.once) this.found(texts[0], "camera");
      else this.once = texts[0];
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
        if (picture) this.judgePhoto(await ScanPhoto.read(picture, this.reader));
        else this.noPhoto("This file is not a picture that the browser can open", "Choose a JPEG or PNG.");
        picture?.close();
      } catch {
        this.unloaded();
      }
      if (this.state === "reading") this.state = "idle";
    }

    judgePhoto(texts) {
      if (texts.length === 0) {
        this.noPhoto("No code was found in this photo",
          "Go closer until the code fills a third of the picture, hold still, avoid glare and shadow, and wipe the label. Or type the serial printed beside the code.");
        return;
      }
      if (texts.length > 1) {
        this.noPhoto("Two different codes are in this photo", "Take it again with only the device's label in it.");
        return;
      }
      const verdict = ScanText.classify(texts[0], this.origins);
      if (verdict.candidate) this.found(texts[0], "photo");
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

    found(text, via) {
      this.camera.stop();
      this.video.pause();
      this.field.value = text;
      this.form.elements.via.value = via;
      this.state = "found";
      this.say("Label read.", "good");
      this.sound.beep();
      navigator.vibrate?.(80);
      // One painted frame of green before the page goes.
      requestAnimationFrame(() => setTimeout(() => this.form.requestSubmit(), 0));
    }

    sending() {
      this.camera.stop();
      this.state = "sending";
      this.say(navigator.onLine === false
        ? "There is no connection now. The serial is in the field: send it when the signal is back."
        : "Opening the device…", "good");
    }

    reset() {
      this.form.elements.via.value = "typed";
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

  class Sound {
    #context = null;

    get muted() {
      try {
        return localStorage.getItem(MUTED) === "1";
      } catch {
        return this.#muted;
      }
    }

    set muted(value) {
      this.#muted = value;
      try {
        localStorage.setItem(MUTED, value ? "1" : "0");
      } catch {
        // private mode: remembered for this page only
      }
    }

    #muted = false;

    /** Must run inside a tap: browsers start no sound otherwise. */
    wake() {
      this.#context ??= window.AudioContext ? new AudioContext() : null;
      this.#context?.resume();
    }

    beep() {
      if (this.muted || this.#context?.state !== "running") return;
      const tone = this.#context.createOscillator();
      const volume = this.#context.createGain();
      const now = this.#context.currentTime;
      tone.frequency.value = 1760;
      volume.gain.setValueAtTime(0.2, now);
      volume.gain.exponentialRampToValueAtTime(0.001, now + 0.12);
      tone.connect(volume).connect(this.#context.destination);
      tone.start(now);
      tone.stop(now + 0.12);
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

  /** The part of the video that `object-fit: cover` shows: nobody aims at what they can't see. */
  function inView(video) {
    const { videoWidth, videoHeight } = video;
    const shape = video.clientWidth / video.clientHeight || videoWidth / videoHeight;
    const width = Math.min(videoWidth, videoHeight * shape);
    const height = Math.min(videoHeight, videoWidth / shape);
    return { x: (videoWidth - width) / 2, y: (videoHeight - height) / 2, width, height };
  }

  for (const root of document.querySelectorAll("[data-scanner]")) new Scanner(root);
})();
