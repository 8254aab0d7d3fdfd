// What the camera shows, frame by frame, until a label is found in it; and what is offered meanwhile.
"use strict";

globalThis.ScanLive = (() => {
  const MEMORY = 1000; // ms that a text counts as still in view
  const STALE = 2500; // ms after which what was said of a code no longer holds
  const PATIENCE = 10000; // ms without any code until the page helps
  const [RESTARTS, LATELY] = [2, 30000]; // of a camera whose picture stands still, in so many ms
  const AIM = "Hold the label's code inside the frame.";
  const HELP = "No code yet. Go closer, tilt the phone away from glare, wipe the label. A photo or the typed serial works too.";

  class Live {
    constructor(scanner) {
      this.scanner = scanner;
      this.video = scanner.root.querySelector("video");
      this.camera = new ScanCamera.Camera(this.video, () => this.fail("ended"));
      this.others = new ScanOthers.Lookout(scanner.reader);
      this.seen = new Map(); // text -> when it was last in view
      this.once = null; // a text that waits for its second sighting
      this.restarts = [];
      this.wire();
    }

    wire() {
      const { scanner } = this;
      for (const start of scanner.root.querySelectorAll("[data-scan-start]")) {
        start.addEventListener("click", () => this.start());
      }
      for (const other of scanner.root.querySelectorAll("[data-scan-other]")) {
        other.addEventListener("click", () => this.another());
      }
      scanner.on("light", "click", (event) => this.light(event.currentTarget));
      scanner.on("zoom", "input", (event) => this.camera.zoom(Number(event.target.value)));
    }

    async start(told = AIM) {
      const { scanner } = this;
      scanner.state = "asking";
      scanner.trouble(null);
      scanner.say("Waiting for the camera. If the browser asks, choose Allow.");
      scanner.sound.wake();
      if (scanner.hindered()) return;
      scanner.reader.prepare();
      try {
        if (!(await this.camera.start())) return;
      } catch (error) {
        this.fail(error);
        return;
      }
      scanner.state = "running";
      scanner.say(told || AIM);
      this.offer();
      scanner.part("stop").focus({ preventScroll: true });
      await this.watch();
    }

    stop() {
      this.camera.stop();
      this.video.pause();
    }

    fail(error) {
      this.scanner.stop("failed");
      this.scanner.trouble(ScanCamera.trouble(error));
      this.offerOthers();
    }

    /** The camera after this one; its name is told, for phones have several that look alike. */
    async another() {
      const name = await this.camera.chooseNext();
      await this.start(name && `Camera: ${name}`);
    }

    async offerOthers() {
      const several = (await this.camera.others()).length > 1;
      for (const other of this.scanner.root.querySelectorAll("[data-scan-other]")) other.hidden = !several;
    }

    offer() {
      this.offerOthers();
      const { torch, zoom } = this.camera.abilities;
      const light = this.scanner.part("light");
      light.hidden = !torch;
      light.setAttribute("aria-pressed", "false");
      const slider = this.scanner.part("zoom");
      slider.closest("label").hidden = !(zoom && zoom.max > zoom.min);
      if (zoom) Object.assign(slider, { min: zoom.min, max: zoom.max, step: zoom.step || 0.1, value: zoom.min });
    }

    light(button) {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      this.camera.light(on);
    }

    async watch() {
      const { scanner, video } = this;
      this.seen.clear();
      this.once = null;
      this.lastSeen = performance.now();
      const watching = this.camera.attempt;
      const current = () => scanner.state === "running" && watching === this.camera.attempt;
      const frame = (turn) => ScanReader.look(video, this.inView, turn, this.aim());
      try {
        for (let turn = 0; current(); turn += 1) {
          await this.camera.nextFrame();
          if (current() && this.camera.stands) this.restart();
          if (!current() || !video.videoWidth) continue;
          const { image, how } = frame(turn);
          const texts = await scanner.reader.read(image, how);
          await this.camera.looked();
          if (current()) this.judge(texts);
          if (!current() || texts.length > 0) continue;
          const other = await this.others.look(() => frame(0).image, this.lastSeen);
          if (other && current()) scanner.say(ScanOthers.advice(other), "warn");
        }
      } catch {
        scanner.stop("failed");
        scanner.unloaded();
      }
    }

    restart() {
      const now = performance.now();
      this.restarts = [...this.restarts, now].filter((when) => now - when < LATELY);
      if (this.restarts.length > RESTARTS) this.fail("frozen");
      else this.start();
    }

    judge(texts) {
      const { scanner } = this;
      const now = performance.now();
      for (const text of texts) this.seen.set(text, now);
      for (const [text, when] of this.seen) if (now - when > MEMORY) this.seen.delete(text);
      const labels = ScanText.labels([...this.seen.keys()], scanner.origins);
      if (labels.length > 1) {
        this.lastSeen = now;
        scanner.say("Two different codes are in view. Move closer, or cover one of them.", "warn");
        return;
      }
      if (texts.length === 0) {
        this.encourage(now);
        return;
      }
      this.lastSeen = now;
      const [text = texts[0]] = labels;
      if (!texts.includes(text)) return;
      const verdict = ScanText.classify(text, scanner.origins);
      if (!verdict.candidate) scanner.say(ScanText.advice(verdict), "warn");
      else if (verdict.sure || text === this.once) scanner.found(text, "camera", this.video, this.inView);
      else this.once = text;
    }

    /** What of the video the technician sees: nobody aims at what is cut off. */
    get inView() {
      return ScanReader.cover(this.video.videoWidth, this.video.videoHeight, this.video);
    }

    /** How far down the picture the viewfinder's centre is, 0 to 1. */
    aim() {
      const frame = this.scanner.root.querySelector(".scanner-frame").getBoundingClientRect();
      const view = this.video.getBoundingClientRect();
      return (frame.top + frame.height / 2 - view.top) / view.height;
    }

    encourage(now) {
      if (this.others.found && this.scanner.part("message").dataset.tone === "warn") return; // until the next look
      const waited = now - this.lastSeen;
      if (waited > PATIENCE) this.scanner.say(HELP);
      else if (waited > STALE) this.scanner.say(AIM);
    }
  }

  return { Live };
})();
