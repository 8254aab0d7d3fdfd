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
    frozen: ["The camera's picture stands still",
      "It was started again, in vain. Close other apps that use the camera, choose another camera, or use a photo or type the serial."],
    hidden: ["This browser hides pictures from the page",
      "Its protection against fingerprints gives noise instead of the picture: allow this site to read canvas data, use another browser, or type the serial."],
    assembly: ["This browser can't read codes",
      "It has WebAssembly switched off (as Lockdown Mode does): allow it for this site, use another browser, or type the serial."],
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

  const CHOSEN = "scan-camera"; // which camera was chosen last
  const FROZEN = 3000; // ms without a picture
  const FINAL = new Set(["NotAllowedError", "SecurityError", "InvalidStateError"]);

  // How large a picture is asked for, [longer, shorter side] in pixels: small labels need the first,
  // and a camera or phone that is not smooth with it goes to the next.
  const SIZES = [[2560, 1440], [1920, 1080], [1280, 720]];
  const SMOOTH = 200; // ms from one look to the next that are smooth enough to aim by
  const TURNS = 10; // looks over which that is judged
  let step = 0; // in SIZES; what was too much stays so while the page is open

  let chosen = null; // where nothing may be stored

  function remembered() {
    try {
      return localStorage.getItem(CHOSEN) ?? chosen;
    } catch {
      return chosen;
    }
  }

  function remember(camera) {
    chosen = camera;
    try {
      localStorage.setItem(CHOSEN, camera);
    } catch {
      // it holds until the page goes
    }
  }

  /** Whether a new frame came within half a second: then the state is looked at again. */
  function next(video) {
    const before = video.currentTime;
    return new Promise((resolve) => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(() => resolve(true));
      else requestAnimationFrame(() => resolve(video.currentTime !== before));
      setTimeout(() => resolve(false), 500);
    });
  }

  /** What to ask for, one after the other: the last takes whatever camera there is, as it is. */
  function wishes(camera) {
    const same = camera && { ...size(), deviceId: { exact: camera } };
    const usual = { ...size(), facingMode: { ideal: "environment" } };
    return [same, usual, true].filter(Boolean).map((video) => ({ audio: false, video }));
  }

  /** The first stream that one of `wishes` gets, unless `current` no longer holds. */
  async function request(camera, current) {
    let reason;
    for (const wish of wishes(camera)) {
      try {
        return await navigator.mediaDevices.getUserMedia(wish);
      } catch (error) {
        reason = error;
        if (FINAL.has(error.name) || !current()) break;
      }
    }
    throw reason;
  }

  /** The constraints of the present step. */
  function size() {
    const [long, short] = SIZES[step];
    const portrait = window.matchMedia("(orientation: portrait)").matches;
    const [width, height] = portrait ? [short, long] : [long, short];
    return { width: { ideal: width }, height: { ideal: height } };
  }

  class Camera {
    #video;
    #track = null;
    #muted = 0; // since when
    #still = 0; // for how long no frame came, in ms
    #since = 0; // when the looks that are counted began
    #turns = 0;
    #settings = {}; // light, zoom and focus as they were asked for
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
      const stream = await request(remembered(), current);
      const [track] = stream.getVideoTracks();
      if (!current()) {
        track.stop();
        return;
      }
      this.#track = track;
      this.#still = this.#turns = 0;
      this.#muted = track.muted ? performance.now() : 0;
      track.addEventListener("ended", () => this.onended());
      track.addEventListener("mute", () => { this.#muted = performance.now(); });
      track.addEventListener("unmute", () => { this.#muted = 0; });
      this.#video.srcObject = stream;
      await this.#video.play();
      const focuses = this.abilities.focusMode?.includes("continuous");
      this.#settings = {};
      if (focuses) await this.#set({ focusMode: "continuous" });
    }

    stop() {
      this.attempt += 1;
      this.#track?.stop();
      this.#track = null;
    }

    /** Wait for a new frame, half a second at most. */
    async nextFrame() {
      const start = performance.now();
      const fresh = await next(this.#video);
      this.#still = fresh ? 0 : this.#still + performance.now() - start;
    }

    /** Say that a look is done: when looks come too slowly, a smaller picture is asked for. */
    async looked() {
      const now = performance.now();
      if (this.#turns === 0) this.#since = now;
      this.#turns += 1;
      if (this.#turns <= TURNS) return;
      this.#turns = 0;
      if ((now - this.#since) / TURNS <= SMOOTH) return;
      const { width, height } = this.#track?.getSettings() ?? {};
      const smaller = SIZES.findIndex(([long], at) => at > step && !(Math.max(width, height) <= long));
      if (smaller === -1) return;
      step = smaller;
      await this.#apply();
    }

    /** Whether no picture has come for long: another app, a call or the system took the camera. */
    get stands() {
      return this.#still > FROZEN || (this.#muted > 0 && performance.now() - this.#muted > FROZEN);
    }

    /** The cameras of this device, as far as the browser tells: [{deviceId, label}]. */
    async others() {
      const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
      return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
    }

    /** Choose the camera after the present one, for the next start too; its name. */
    async chooseNext() {
      const all = await this.others();
      const present = this.#track?.getSettings().deviceId ?? remembered();
      const next = all[(all.findIndex(({ deviceId }) => deviceId === present) + 1) % all.length];
      if (next) remember(next.deviceId);
      return next?.label ?? "";
    }

    /** What this camera can do; Firefox does not say. */
    get abilities() {
      return this.#track?.getCapabilities?.() ?? {};
    }

    light(on) {
      return this.#set({ torch: on });
    }

    zoom(factor) {
      return this.#set({ zoom: factor });
    }

    #set(setting) {
      Object.assign(this.#settings, setting);
      return this.#apply();
    }

    /**
     * Ask for the size and for all that was set, since what is not asked again may be given up.
     * Chromium refuses a question of both kinds, and keeps the one when asked for the other.
     */
    async #apply() {
      const settings = { advanced: Object.entries(this.#settings).map(([name, value]) => ({ [name]: value })) };
      const asked = (constraints) => this.#track?.applyConstraints(constraints).then(() => true, () => false);
      if (await asked({ ...size(), ...settings })) return;
      await asked(size());
      await asked(settings); // a comfort that a camera may announce and then refuse
    }
  }

  return { Camera, trouble };
})();
