// A slider before a number of stars, and what that number would have caught.
customElements.define("miso-amount", class extends HTMLElement {
  connectedCallback() {
    const number = this.querySelector("input[type=number]");
    const note = this.querySelector(".field-note");
    if (this.querySelector("input[type=range]") || number.disabled) return;
    const caught = JSON.parse(this.dataset.caught);
    const slider = document.createElement("input");
    // Beyond twice what anything had there is nothing to choose from; the number goes further.
    const top = Math.min(Number(number.max), Math.max(20, caught.length * 2));
    Object.assign(slider, { type: "range", min: number.min, max: top, value: number.value });
    slider.setAttribute("aria-label", "Amount, as a slider");
    const say = () => {
      const needed = Number(number.value);
      if (!caught.length || !needed) return;
      const count = caught[needed - 1] ?? 0;
      note.textContent = `Would have caught ${count} ${count === 1 ? "message" : "messages"} last week.`;
    };
    slider.addEventListener("input", (event) => {
      event.stopPropagation();
      number.value = slider.value;
      number.dispatchEvent(new Event("input", { bubbles: true }));
    });
    number.addEventListener("input", () => {
      slider.value = number.value;
      say();
    });
    this.prepend(slider);
  }
});
