// Says what is not saved yet, saves with Ctrl+S, keeps a draft over a crash or a login that ended.
const DRAFT_BYTES = 200_000;

const entered = (form) => [...new FormData(form)].filter(([name]) => !name.startsWith("_") && !name.endsWith("._row"));
const byField = (form) => {
  const fields = new Map();
  for (const field of form.querySelectorAll("[data-field]")) {
    if (field.parentElement.closest("[data-field]")) continue;
    fields.set(field.dataset.field, { title: field.querySelector("label, .field-title").textContent, value: [] });
  }
  for (const [name, value] of entered(form)) fields.get(name.split(".")[0])?.value.push(name, value);
  for (const field of fields.values()) field.value = JSON.stringify(field.value);
  return fields;
};

customElements.define("miso-save", class extends HTMLElement {
  connectedCallback() {
    this.form = this.closest("form");
    this.words = this.querySelector(".save-words");
    this.key = `draft ${this.form.dataset.draft}`;
    // Pickers of the form come first.
    queueMicrotask(() => {
      this.before = byField(this.form);
      this.offer();
      this.update();
    });
    this.listener = () => this.update();
    this.form.addEventListener("input", this.listener);
    this.form.addEventListener("change", this.listener);
    this.form.addEventListener("submit", () => { this.leaving = true; });
    this.keys = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "s") {
        event.preventDefault();
        this.querySelector(".primary").click();
      }
    };
    this.leave = (event) => {
      if (this.dirty && !this.leaving) event.preventDefault();
    };
    document.addEventListener("keydown", this.keys);
    window.addEventListener("beforeunload", this.leave);
    this.querySelector("[data-reset]").addEventListener("click", () => {
      this.leaving = true;
      sessionStorage.removeItem(this.key);
    });
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.keys);
    window.removeEventListener("beforeunload", this.leave);
  }

  update() {
    if (!this.before) return;
    const changed = [...byField(this.form)].filter(([name, field]) => this.before.get(name)?.value !== field.value);
    const unsaved = this.form.hasAttribute("data-unsaved");
    this.dirty = changed.length > 0 || unsaved;
    this.classList.toggle("dirty", this.dirty);
    const names = changed.map(([, field]) => field.title).join(", ");
    if (changed.length > 0) this.words.textContent = `${changed.length} unsaved ${changed.length === 1 ? "change" : "changes"}: ${names}`;
    else if (unsaved) this.words.textContent = "Not saved yet.";
    else if (!this.draft) this.words.textContent = "Everything is saved.";
    if (changed.length > 0) this.keep();
    else if (!this.draft && !unsaved) sessionStorage.removeItem(this.key);
  }

  keep() {
    const draft = JSON.stringify({ version: this.form.dataset.version, entered: entered(this.form) });
    if (draft.length <= DRAFT_BYTES) sessionStorage.setItem(this.key, draft);
  }

  offer() {
    let draft;
    try {
      draft = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    } catch {
      draft = null;
    }
    if (!draft || draft.version !== this.form.dataset.version) return sessionStorage.removeItem(this.key);
    const names = new Set(draft.entered.map(([name]) => name));
    const known = [...names].every((name) => this.form.elements[name]);
    if (!known || JSON.stringify(draft.entered) === JSON.stringify(entered(this.form))) return;
    this.draft = draft;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "link", textContent: "Restore it" });
    button.addEventListener("click", () => this.restore());
    this.words.replaceChildren("There is a draft that was not saved. ", button);
  }

  restore() {
    const values = Map.groupBy ? Map.groupBy(this.draft.entered, ([name]) => name) : new Map(this.draft.entered.map(([name]) => [name, this.draft.entered.filter(([other]) => other === name)]));
    for (const control of this.form.elements) {
      if (!control.name || control.name.startsWith("_") || control.type === "hidden" || control.type === "submit") continue;
      const wanted = (values.get(control.name) ?? []).map(([, value]) => value);
      if (control.type === "checkbox") control.checked = wanted.includes(control.value);
      else if (control.multiple) for (const option of control.options) option.selected = wanted.includes(option.value);
      else control.value = wanted[0] ?? "";
      control.dispatchEvent(new Event("change", { bubbles: true }));
    }
    this.draft = null;
    this.update();
  }
});
