// A short tone when a label was read, unless muted; the choice is remembered.
"use strict";

globalThis.ScanSound = (() => {
  const MUTED = "scanner.muted";

  class Sound {
    #context = null;
    #muted = false;

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

  return { Sound };
})();
