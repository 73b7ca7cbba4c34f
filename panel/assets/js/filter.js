// A list or a table that narrows as one types.
customElements.define("miso-filter", class extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    input?.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const item of this.querySelectorAll("li, tbody tr")) {
        item.hidden = wanted !== "" && !item.textContent.toLowerCase().includes(wanted);
      }
    });
    if (this.closest(".switcher-list")) input?.focus();
  }
});
