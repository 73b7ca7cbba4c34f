// A message's editor: chips insert placeholders where one writes, the counter counts as Discord does.
customElements.define("miso-editor", class extends HTMLElement {
  connectedCallback() {
    const text = this.querySelector("textarea");
    const counter = this.querySelector(".counter");
    const count = () => {
      const chars = [...text.value].length;
      counter.querySelector("output").textContent = chars;
      counter.classList.toggle("over", chars > text.maxLength);
    };
    text.addEventListener("input", count);
    this.addEventListener("click", (event) => {
      const chip = event.target.closest("[data-insert]");
      if (!chip) return;
      text.focus();
      text.setRangeText(chip.dataset.insert, text.selectionStart, text.selectionEnd, "end");
      text.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
});
