// A combobox (ARIA 1.2) over a real select, which keeps the value. Type to filter, arrows and Enter to
// pick, Backspace takes the last one away, Escape closes.
const SEARCH_AFTER_MS = 180;
const SHOWN = 200;

let number = 0;

customElements.define("miso-picker", class extends HTMLElement {
  connectedCallback() {
    const select = this.querySelector("select");
    if (!select || this.querySelector(".picker-box")) return;
    this.select = select;
    this.multiple = select.multiple;
    this.max = Number(this.dataset.max ?? 1);
    this.build();
    this.render();
  }

  build() {
    const { select } = this;
    const id = select.id;
    const label = document.querySelector(`label[for="${CSS.escape(id)}"]`)?.textContent ?? "";
    select.id = `${id}-select`;
    select.hidden = true;
    this.input = Object.assign(document.createElement("input"), { id, type: "text", autocomplete: "off", disabled: select.disabled });
    this.list = Object.assign(document.createElement("div"), { id: `${id}-list`, className: "picker-list", hidden: true });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", label);
    if (this.multiple) this.list.setAttribute("aria-multiselectable", "true");
    for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": this.list.id })) this.input.setAttribute(name, value);
    for (const name of ["aria-describedby", "aria-invalid"]) if (select.hasAttribute(name)) this.input.setAttribute(name, select.getAttribute(name));
    this.box = Object.assign(document.createElement("div"), { className: `picker-box${select.disabled ? " off" : ""}` });
    this.box.append(this.input);
    this.append(this.box, this.list);

    this.box.addEventListener("mousedown", (event) => {
      if (event.target.closest("button")) return;
      if (event.target !== this.input) event.preventDefault();
      this.input.focus();
      this.open();
    });
    // The click that opened it would take the selection away, and typing would add to what is picked.
    this.input.addEventListener("click", () => {
      if (!this.multiple && !this.typed) this.input.select();
    });
    this.input.addEventListener("input", () => {
      this.open();
      this.search();
    });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 0));
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option) this.pick(this.shown[Number(option.dataset.index)]);
    });
    select.addEventListener("change", () => this.render());
  }

  picked() {
    return [...this.select.selectedOptions].filter((option) => option.value !== "");
  }

  sign(option) {
    if (option.dataset.colour) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
      for (const [name, value] of Object.entries({ cx: 5, cy: 5, r: 5, fill: option.dataset.colour === "#000000" ? "currentColor" : option.dataset.colour })) circle.setAttribute(name, value);
      svg.setAttribute("viewBox", "0 0 10 10");
      svg.setAttribute("class", "swatch");
      svg.setAttribute("aria-hidden", "true");
      svg.append(circle);
      return svg;
    }
    const span = Object.assign(document.createElement("span"), { className: "sign", textContent: option.dataset.icon ? "#" : "" });
    span.setAttribute("aria-hidden", "true");
    return span;
  }

  render() {
    for (const chip of this.box.querySelectorAll(".picker-chip")) chip.remove();
    const picked = this.picked();
    if (this.multiple) {
      for (const option of picked) {
        const chip = Object.assign(document.createElement("span"), { className: `picker-chip ${option.dataset.state ?? ""}`, title: option.dataset.note ?? "" });
        const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×", disabled: this.select.disabled });
        remove.setAttribute("aria-label", `Remove ${option.text.trim()}`);
        remove.addEventListener("click", () => {
          this.set(option, false);
          this.input.focus();
        });
        chip.append(this.sign(option), option.text.trim(), remove);
        this.box.insertBefore(chip, this.input);
      }
      this.input.placeholder = picked.length === 0 ? this.dataset.nothing ?? "" : "";
      this.input.value = "";
    } else if (document.activeElement !== this.input || this.list.hidden) {
      this.input.value = picked[0] ? `${picked[0].dataset.icon ? "#" : ""}${picked[0].text.trim()}` : "";
      this.input.placeholder = this.dataset.nothing ?? "";
    }
  }

  set(option, is) {
    if (this.multiple) option.selected = is;
    else this.select.value = is ? option.value : "";
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
    this.render();
  }

  open() {
    if (this.select.disabled) return;
    if (this.list.hidden) {
      this.list.hidden = false;
      this.input.setAttribute("aria-expanded", "true");
      if (!this.multiple) this.input.select();
      this.typed = false;
    } else {
      this.typed = true;
    }
    this.fill();
  }

  close() {
    if (this.list.hidden) return;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    // Emptied by hand: nothing is picked.
    if (!this.multiple && this.input.value.trim() === "" && this.typed && this.select.value !== "") this.set({ value: "" }, false);
    this.render();
  }

  fill() {
    const wanted = this.typed || this.multiple ? this.input.value.trim().replace(/^[#@]/, "").toLowerCase() : "";
    const fits = (option) => option.value !== "" && `${option.text} ${option.dataset.note ?? ""}`.toLowerCase().includes(wanted);
    this.shown = [...this.select.options].filter(fits).slice(0, SHOWN);
    if (!this.multiple && wanted === "" && this.select.options[0]?.value === "") this.shown.unshift(this.select.options[0]);
    this.list.replaceChildren();
    let group = null;
    this.shown.forEach((option, index) => {
      const parent = option.parentElement.label ?? null;
      if (parent && parent !== group) {
        const head = Object.assign(document.createElement("div"), { className: "group", textContent: parent });
        head.setAttribute("role", "presentation");
        this.list.append(head);
      }
      group = parent;
      const item = Object.assign(document.createElement("div"), { id: `${this.list.id}-${index}` });
      item.dataset.index = index;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(option.selected && option.value !== ""));
      if (option.disabled) item.setAttribute("aria-disabled", "true");
      item.append(this.sign(option), option.text.trim());
      if (option.dataset.note) item.append(Object.assign(document.createElement("span"), { className: `note ${option.dataset.state ?? ""}`, textContent: option.dataset.note }));
      this.list.append(item);
    });
    if (this.shown.length === 0) {
      const none = Object.assign(document.createElement("div"), { className: "none", textContent: "Nothing fits." });
      none.setAttribute("role", "presentation");
      this.list.append(none);
    }
    const at = this.shown.findIndex((option) => option.selected && option.value !== "" && !this.multiple);
    this.activate(Math.max(at, 0));
  }

  activate(index) {
    this.list.querySelector(".active")?.classList.remove("active");
    const item = this.list.querySelector(`[data-index="${index}"]`);
    this.active = item ? index : -1;
    item?.classList.add("active");
    item?.scrollIntoView({ block: "nearest" });
    if (item) this.input.setAttribute("aria-activedescendant", item.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  pick(option) {
    if (!option || option.disabled) return;
    const is = this.multiple ? !option.selected : true;
    if (this.multiple && is && this.picked().length >= this.max) return;
    this.typed = false;
    if (!this.multiple) {
      this.list.hidden = true;
      this.input.setAttribute("aria-expanded", "false");
      this.input.removeAttribute("aria-activedescendant");
    }
    this.set(option, is);
    if (this.multiple) this.fill();
  }

  key(event) {
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) return this.open();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.activate((this.active + step + this.shown.length) % Math.max(this.shown.length, 1));
    } else if (event.key === "Enter" && isOpen) {
      event.preventDefault();
      this.pick(this.shown[this.active]);
    } else if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      this.typed = false;
      this.close();
    } else if (event.key === "Backspace" && this.multiple && this.input.value === "") {
      const last = this.picked().at(-1);
      if (last) this.set(last, false);
    }
  }

  search() {
    const address = this.dataset.search;
    const query = this.input.value.trim();
    if (!address || query === "") return;
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const mine = (number += 1);
      this.latest = mine;
      const answer = await fetch(`${address}?query=${encodeURIComponent(query)}`, { headers: { accept: "application/json" } }).catch(() => null);
      if (!answer?.ok || this.latest !== mine) return;
      for (const { value, text, note } of (await answer.json()).options) {
        if ([...this.select.options].some((option) => option.value === value)) continue;
        const option = new Option(text, value);
        option.dataset.note = note;
        this.select.append(option);
      }
      if (!this.list.hidden) this.fill();
    }, SEARCH_AFTER_MS);
  }
});
