// The camera: start, stop, light, zoom, and why it does not work.
"use strict";

globalThis.ScanCamera = (() => {
  const AGENT = navigator.userAgent;
  const IOS = /iPhone|iPad|iPod/.test(AGENT) || (/Macintosh/.test(AGENT) && navigator.maxTouchPoints > 1);
  const ALLOW = IOS
    ? "In Safari, tap the page menu at the left of the address bar, then Website Settings, and set Camera to Allow. If it is not there: Settings, Apps, Safari, Camera."
    : /Android/.test(AGENT)
      ? "Tap the icon at the left of the address bar, then Permissions, and switch Camera on. If it stays off: Android Settings, Apps, your browser, Permissions, Camera."
      : "Click the icon at the left of the address bar and set Camera to Allow. If it stays off, look at the camera permission of your browser in the system's privacy settings.";

  const TROUBLE = {
    insecure: ["The camera needs a secure connection",
      "This page was opened over plain http. Open the site's https address, or use a photo or type the serial."],
    NotAllowedError: ["The camera is not allowed for this site",
      `${ALLOW} Then try again. A photo or the typed serial works at once.`],
    NotFoundError: ["No camera was found",
      "Plug one in and try again, take a photo of the label with another device, or type the serial."],
    NotReadableError: ["The camera is in use or does not answer",
      "Close other apps or tabs that use the camera, then try again. Or use a photo or type the serial."],
    ended: ["The camera was switched off",
      "Another app or the system took it. Try again, or use a photo or type the serial."],
    unknown: ["The camera could not be started",
      "Try again, or use a photo or type the serial."],
  };
  TROUBLE.SecurityError = TROUBLE.NotAllowedError;
  TROUBLE.AbortError = TROUBLE.NotReadableError;
  TROUBLE.OverconstrainedError = TROUBLE.NotFoundError;

  /** `{title, advice}` for an error of `Camera.start`, or for "ended". */
  function trouble(error) {
    const [title, advice] = TROUBLE[error?.name ?? error] ?? TROUBLE.unknown;
    return { title, advice };
  }

  function constraints() {
    const portrait = window.matchMedia("(orientation: portrait)").matches;
    const [width, height] = portrait ? [720, 1280] : [1280, 720];
    return {
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: width }, height: { ideal: height } },
    };
  }

  class Camera {
    #video;
    #track = null;
    attempt = 0;

    constructor(video, onended) {
      this.#video = video;
      this.onended = onended;
    }

    /** True once the picture runs, false when `stop` came first: a question can stay open for ever. */
    async start() {
      this.stop();
      const attempt = this.attempt;
      const current = () => attempt === this.attempt;
      try {
        await this.#open(current);
      } catch (error) {
        if (current()) throw error;
      }
      return current();
    }

    async #open(current) {
      if (!window.isSecureContext) throw Object.assign(new Error(), { name: "insecure" });
      if (!navigator.mediaDevices) throw Object.assign(new Error(), { name: "NotFoundError" });
      const stream = await navigator.mediaDevices.getUserMedia(constraints());
      const [track] = stream.getVideoTracks();
      if (!current()) {
        track.stop();
        return;
      }
      this.#track = track;
      track.addEventListener("ended", () => this.onended());
      this.#video.srcObject = stream;
      await this.#video.play();
      await this.#apply({ focusMode: "continuous" }, this.abilities.focusMode?.includes("continuous"));
    }

    stop() {
      this.attempt += 1;
      this.#track?.stop();
      this.#track = null;
    }

    /** What this camera can do; Firefox does not say. */
    get abilities() {
      return this.#track?.getCapabilities?.() ?? {};
    }

    light(on) {
      return this.#apply({ torch: on });
    }

    zoom(factor) {
      return this.#apply({ zoom: factor });
    }

    async #apply(setting, able = true) {
      if (!able) return;
      try {
        await this.#track?.applyConstraints({ advanced: [setting] });
      } catch {
        // a comfort that this camera announces and then refuses
      }
    }
  }

  return { Camera, trouble };
})();
