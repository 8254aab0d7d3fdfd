// Scanners that type like a keyboard: what they type goes into the field, wherever the focus is.
"use strict";

globalThis.ScanKeys = (() => {
  const FAST = 60; // ms between two keys that nobody types by hand
  const BURST = 4; // such keys in a row
  const WRITABLE = "input:not([type=hidden], [type=file], [type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";

  class Keys {
    #last = -Infinity;
    #row = 0;

    constructor(field, form) {
      this.field = field;
      this.form = form;
      // The next scan replaces the last one.
      field.addEventListener("focus", () => field.select());
      document.addEventListener("keydown", (event) => this.pressed(event));
      if (window.matchMedia("(pointer: fine)").matches && document.activeElement === document.body) {
        field.focus({ preventScroll: true });
      }
      if (document.activeElement === field) field.select();
    }

    get scanning() {
      return this.#row >= BURST;
    }

    pressed(event) {
      if (event.defaultPrevented || event.isComposing || event.altKey || event.metaKey) return;
      if (event.timeStamp - this.#last > FAST) this.#row = 0;
      if (event.key.length === 1 && !event.ctrlKey) this.typed(event);
      else this.ended(event);
    }

    typed(event) {
      this.#row += 1;
      this.#last = event.timeStamp;
      const { activeElement } = document;
      if (activeElement?.matches(WRITABLE) || document.querySelector("dialog[open], .modal.show")) return;
      if (event.key === " ") return; // presses a button, or scrolls
      this.field.focus({ preventScroll: true });
    }

    /** Tab, and line feed as Ctrl+J, end a scan as Enter does; Enter does so by itself. */
    ended(event) {
      const feed = event.ctrlKey && /^[jm]$/i.test(event.key);
      if (document.activeElement !== this.field || !this.field.value) return;
      if (!feed && !(event.key === "Tab" && !event.shiftKey && this.scanning)) return;
      event.preventDefault();
      this.#row = 0;
      this.form.requestSubmit();
    }
  }

  return { Keys };
})();
