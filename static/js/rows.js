"use strict";
// Rows of a form that can be added, removed and put in order. Without scripts there are blank rows, and numbers.
(() => {
  function enhance(box) {
    const list = box.querySelector("[data-list]");
    const total = box.querySelector("[name$='-TOTAL_FORMS']");
    const said = box.querySelector("[data-said]");
    const blank = box.querySelector("template[data-blank]");
    const rows = () => [...list.children].filter((row) => !row.hidden);
    const title = (row) => row.querySelector("input[type=text]").value || "The row";

    function number() {
      rows().forEach((row, place) => { row.querySelector("[name$='-ORDER']").value = place + 1; });
    }

    function say(text) {
      said.textContent = text;
      number();
    }

    function add() {
      const unused = [...list.children].find((row) => row.hidden && row.hasAttribute("data-unused"));
      if (!unused) {
        const made = document.createElement("div");
        made.innerHTML = blank.innerHTML.replaceAll("__prefix__", total.value);
        total.value = Number(total.value) + 1;
        list.append(made.firstElementChild);
      } else {
        list.append(unused);
      }
      const row = list.lastElementChild;
      row.hidden = false;
      row.removeAttribute("data-unused");
      ready(row);
      say("Added a row.");
      row.querySelector("input").focus();
    }

    function remove(row) {
      const next = rows()[rows().indexOf(row) + 1] || rows()[rows().indexOf(row) - 1];
      row.querySelector("[name$='-DELETE']").checked = true;
      row.hidden = true;
      say(`${title(row)} is removed when you save.`);
      (next?.querySelector("[data-remove]") || box.querySelector("[data-add]")).focus();
    }

    function move(row, by, button) {
      const all = rows();
      const other = all[all.indexOf(row) + by];
      if (!other) return;
      if (by < 0) other.before(row); else other.after(row);
      say(`${title(row)} is number ${rows().indexOf(row) + 1} of ${all.length} now.`);
      button.focus();
    }

    function ready(row) {
      for (const button of row.querySelectorAll("[data-up], [data-down], [data-remove]")) button.hidden = false;
    }

    for (const row of list.children) {
      ready(row);
      if (row.hasAttribute("data-unused") || row.querySelector("[name$='-DELETE']").checked) row.hidden = true;
    }
    box.classList.add("is-live");
    box.querySelector("[data-add]").hidden = false;
    box.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const row = button?.closest("[data-row]");
      if (button?.matches("[data-add]")) add();
      else if (button?.matches("[data-remove]")) remove(row);
      else if (button?.matches("[data-up]")) move(row, -1, button);
      else if (button?.matches("[data-down]")) move(row, 1, button);
    });
    box.addEventListener("change", ({ target }) => { if (target.matches("[name$='-type']")) ranged(target); });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("input")) return;
      event.preventDefault(); // would save the whole form
      if (event.target.closest("[data-row]") === rows().at(-1)) add();
    });
    for (const select of box.querySelectorAll("[name$='-type']")) ranged(select);
  }

  // Only numbers have a range and decimals, and are read from text.
  function ranged(select) {
    const row = select.closest("[data-row]");
    for (const end of row.querySelectorAll("[name$='-minimum'], [name$='-maximum'], [name$='-decimals']")) {
      end.readOnly = select.value !== "number" && !end.value;
    }
    const text = row.querySelector("[name$='-reads_text']");
    if (text) text.disabled = select.value !== "number" && !text.checked;
  }

  for (const box of document.querySelectorAll("[data-rows]")) enhance(box);
})();
