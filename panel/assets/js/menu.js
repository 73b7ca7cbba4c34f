// The navigation on small screens, and menus that close when one looks elsewhere.
export function menus() {
  const button = document.querySelector("[data-menu]");
  const rail = document.getElementById("rail");
  const open = (is) => {
    rail.classList.toggle("open", is);
    button.setAttribute("aria-expanded", String(is));
    if (is) rail.querySelector("a, summary")?.focus();
  };
  button?.addEventListener("click", () => open(!rail.classList.contains("open")));

  const opened = () => document.querySelectorAll("details.menu[open], details.switcher[open]");
  document.addEventListener("click", (event) => {
    for (const details of opened()) if (!details.contains(event.target)) details.open = false;
    if (rail?.classList.contains("open") && !rail.contains(event.target) && !button.contains(event.target)) open(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const details of opened()) {
      details.open = false;
      details.querySelector("summary").focus();
    }
    if (rail?.classList.contains("open")) {
      open(false);
      button.focus();
    }
  });
}
