"use strict";
// Choosing a group among many: suggestions while one writes, by finger or by keys (ARIA's combobox with a list).
(() => {
  const WAIT_MS = 150;
  let timer = null;
  let asked = null;

  const parts = (picker) => ({
    picker,
    input: picker.querySelector("[role=combobox]"),
    list: picker.querySelector("[role=listbox]"),
    pk: picker.querySelector("[data-pk]"),
    chosen: picker.querySelector("[data-for]"),
    said: picker.querySelector("[data-said]"),
  });
  const of = (element) => {
    const picker = element.closest?.("[data-picker]");
    return picker && parts(picker);
  };

  function open({ input, list }, yes) {
    list.hidden = !yes;
    input.setAttribute("aria-expanded", String(yes));
    if (!yes) input.removeAttribute("aria-activedescendant");
  }

  async function ask(field) {
    asked?.abort();
    asked = new AbortController();
    const address = `${field.picker.dataset.picker}&q=${encodeURIComponent(field.input.value.trim())}`;
    try {
      const answer = await fetch(address, { signal: asked.signal });
      if (!answer.ok || answer.redirected) throw new TypeError("refused");
      field.list.innerHTML = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") say(field, "No connection. Try again in a moment.");
      return;
    }
    const number = field.list.childElementCount;
    if (number) open(field, true);
    say(field, number ? `${number} found` : "No group is called that.");
  }

  function say(field, text) {
    field.said.textContent = text;
    field.said.classList.toggle("visually-hidden", field.list.childElementCount > 0);
    if (!field.list.childElementCount) open(field, false);
  }

  function choose(field, pk, name) {
    field.pk.value = pk;
    field.input.value = field.chosen.value = name;
    field.input.classList.remove("is-invalid");
    open(field, false);
    field.said.classList.add("visually-hidden");
    field.said.textContent = `${name} chosen`;
    for (const radio of field.picker.querySelectorAll("[type=radio]")) radio.checked = radio.value === pk;
    field.pk.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function step(field, by) {
    const options = [...field.list.children];
    const at = options.findIndex((option) => option.ariaSelected === "true");
    const next = options[by > 0 ? (at + 1) % options.length : (at <= 0 ? options.length : at) - 1];
    for (const option of options) option.ariaSelected = String(option === next);
    field.input.setAttribute("aria-activedescendant", next.id);
    next.scrollIntoView({ block: "nearest" });
  }

  const KEYS = {
    // Each says whether the key was its own.
    ArrowDown: (field) => {
      field.list.hidden ? ask(field) : step(field, 1);
      return true;
    },
    ArrowUp: (field) => {
      if (!field.list.hidden) step(field, -1);
      return true;
    },
    Escape: (field) => {
      const was = !field.list.hidden;
      open(field, false);
      return was;
    },
    Enter: (field) => {
      const at = !field.list.hidden && field.list.querySelector("[aria-selected=true]");
      if (at) choose(field, at.dataset.pk, at.dataset.name);
      return at;
    },
  };

  document.addEventListener("input", ({ target }) => {
    const field = of(target);
    if (!field || target !== field.input) return;
    field.pk.value = field.chosen.value = "";
    for (const radio of field.picker.querySelectorAll("[type=radio]")) radio.checked = false;
    clearTimeout(timer);
    timer = setTimeout(() => ask(field), WAIT_MS);
  });
  document.addEventListener("change", ({ target }) => {
    const field = target.matches?.("[data-picker] [type=radio]") && of(target);
    if (field) choose(field, target.value, target.dataset.name);
  });
  document.addEventListener("keydown", (event) => {
    const field = event.target.matches?.("[data-picker] [role=combobox]") && of(event.target);
    if (field && event.key in KEYS && KEYS[event.key](field)) event.preventDefault();
  });
  // Before the field loses its focus to what was pressed.
  document.addEventListener("mousedown", (event) => event.target.closest?.(".picker-list") && event.preventDefault());
  document.addEventListener("click", ({ target }) => {
    const option = target.closest?.(".picker-option");
    if (option) choose(of(option), option.dataset.pk, option.dataset.name);
    else if (target.matches?.("[data-picker] [role=combobox]") && of(target).list.hidden) ask(of(target));
    for (const picker of document.querySelectorAll("[data-picker]")) if (!picker.contains(target)) open(parts(picker), false);
  });
  document.addEventListener("focusout", ({ target, relatedTarget }) => {
    const field = of(target);
    if (field && !field.picker.contains(relatedTarget)) open(field, false);
  });
})();
