// The scanner of the register page: camera, photo or typed serial, into one form.
// Markup and data attributes: templates/provisioning/scanning/_scanner.html.
"use strict";

(() => {
  const AGAIN = 1000; // ms in which a form is not sent twice
  const SLOW = 8000; // ms until a missing answer is spoken of

  class Scanner {
    constructor(root) {
      this.root = root;
      this.form = root.querySelector("form");
      this.field = this.form.elements.text;
      this.origins = [location.origin, ...root.dataset.origins.split(/\s+/).filter(Boolean)];
      ScanText.calls(root.dataset.names);
      this.reader = new ScanReader.Reader(root.dataset);
      this.sent = -Infinity;
      this.whole = null; // what was read, while the field stands for it
      this.sound = new ScanSound.Sound();
      this.live = new ScanLive.Live(this);
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
      this.on("stop", "click", () => this.stop("idle"));
      for (const name of ["photo", "shot"]) this.on(name, "change", (event) => this.photo(event.target));
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
      if (!navigator.connection?.saveData) idle(() => this.reader.prepare(), { timeout: 500 }); // a page that draws nothing may never be idle
    }

    pause() {
      if (this.state === "running") this.stop("paused");
    }

    stop(state) {
      const held = this.root.querySelector(".scanner-live")?.contains(document.activeElement);
      this.live.stop();
      this.state = state;
      this.say(state === "paused" ? "The camera was paused while the page was hidden." : "");
      if (held) this.part("start").focus({ preventScroll: true });
    }

    /** Whether this browser can't read any picture; that is told. */
    hindered() {
      const hindrance = ScanReader.hindrance();
      if (!hindrance) return false;
      this.stop("failed");
      this.trouble(ScanCamera.trouble(hindrance));
      return true;
    }

    // The photo

    async photo(input) {
      const [file] = input.files;
      input.value = ""; // the same file can be chosen again
      if (!file) return;
      this.stop("reading");
      if (this.hindered()) return;
      this.trouble(null);
      this.say("Reading the photo…");
      try {
        const picture = await createImageBitmap(file).catch(() => null);
        const enough = (texts) => ScanText.labels(texts, this.origins).length > 0;
        const texts = picture && (await ScanPhoto.read(picture, this.reader, enough));
        const other = texts?.length === 0 ? await ScanOthers.find(picture, this.reader) : undefined;
        if (other) this.noPhoto("No QR code was found in this photo", ScanOthers.advice(other));
        else if (picture) this.judgePhoto(texts, picture);
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
      if (verdict.candidate) this.found(text, "photo", picture, ScanReader.cover(picture.width, picture.height, this.live.video));
      else this.noPhoto("This is not a device label", ScanText.advice(verdict));
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
      this.live.stop();
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
      this.live.camera.stop();
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
      box.querySelector("[data-scan-other]").hidden = true; // until a camera failed
      this.part("trouble-title").textContent = what?.title ?? "";
      this.part("trouble-advice").textContent = what?.advice ?? "";
      if (what) this.say("");
    }

    mute(muted) {
      this.sound.muted = muted;
      this.part("sound").setAttribute("aria-pressed", String(!muted));
    }
  }

  // A part that did not arrive is asked for again (theme.js), and then comes after this one.
  const PARTS = ["ScanText", "ScanCamera", "ScanReader", "ScanOthers", "ScanPhoto", "ScanLive", "ScanSound", "ScanKeys"];

  function begin() {
    if (!PARTS.every((name) => name in globalThis)) document.addEventListener("load", begin, { capture: true, once: true });
    else for (const root of document.querySelectorAll("[data-scanner]")) new Scanner(root);
  }

  begin();
})();
