// Reads a chosen file into the text beside it.
customElements.define("miso-file", class extends HTMLElement {
  connectedCallback() {
    const text = this.querySelector("textarea");
    const button = document.createElement("button");
    const input = document.createElement("input");
    Object.assign(input, { type: "file", accept: "application/json,.json", hidden: true });
    Object.assign(button, { type: "button", textContent: "Choose a file", disabled: text.disabled });
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", async () => {
      if (input.files[0]) text.value = await input.files[0].text();
    });
    this.prepend(button, input);
  }
});
