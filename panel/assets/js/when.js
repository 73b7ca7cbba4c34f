// Times are entered in the visitor's zone; the exact moment goes along.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

customElements.define("miso-when", class extends HTMLElement {
  connectedCallback() {
    const [shown, exact] = this.querySelectorAll("input");
    const note = this.closest(".field")?.querySelector("[data-zone]");
    if (note) note.textContent = `In your time zone, ${zone}.`;
    const update = () => {
      const at = new Date(shown.value);
      exact.value = Number.isNaN(at.valueOf()) ? "" : at.toISOString().replace(/\.\d+/, "");
    };
    shown.addEventListener("input", update);
    update();
  }
});

customElements.define("miso-zone", class extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    if (this.querySelector("button") || input.disabled || !zone) return;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "quiet", textContent: `Use this browser's: ${zone}` });
    button.addEventListener("click", () => {
      input.value = zone;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    this.append(button);
  }
});
