// A list or a table that narrows as one types.
customElements.define("miso-filter", class extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector(":scope > input");
    input?.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const item of this.querySelectorAll("li, tbody tr, .row")) {
        const controls = [...item.querySelectorAll("input, textarea")].map((control) => control.value);
        item.hidden = wanted !== "" && ![item.textContent, ...controls].join(" ").toLowerCase().includes(wanted);
      }
    });
    if (this.closest(".switcher-list")) input?.focus();
  }
});
