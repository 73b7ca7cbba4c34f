// What follows a swap: where the focus goes, what is read out, what went wrong.
import { localTimes } from "./time.js";

const TOAST_MS = 10_000;

export function toast(text, kind = "danger") {
  const one = document.createElement("div");
  one.className = `toast banner ${kind}`;
  one.textContent = text;
  document.getElementById("toasts").append(one);
  setTimeout(() => one.remove(), TOAST_MS);
}

export function swaps() {
  let pressed = null;
  document.addEventListener("click", (event) => {
    pressed = event.target.closest?.("button[name]");
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const root = document.getElementById(event.detail.target?.id) ?? document;
    localTimes(root);
    const log = root.closest?.(".chat-log");
    if (log) log.scrollTop = log.scrollHeight;
    const errors = root.querySelector?.("#errors");
    if (errors) {
      errors.focus();
    } else if (pressed?.name === "_add") {
      const rows = root.querySelectorAll(`[aria-labelledby="f-${CSS.escape(pressed.value)}"] > .row`);
      rows[rows.length - 1]?.querySelector("input:not([type=hidden]), textarea, select:not([hidden])")?.focus();
    } else if (pressed?.name === "_remove") {
      root.querySelector(`button[name="_add"]`)?.focus();
    }
    pressed = null;
  });
  document.addEventListener("htmx:sseMessage", () => {
    const log = document.getElementById("chat");
    if (log) log.scrollTop = log.scrollHeight;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const composer = event.detail.elt.closest?.(".composer");
    if (composer && event.detail.successful) composer.elements.content.value = "";
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    const trace = event.detail.xhr.getResponseHeader("trace-id") ?? "";
    if (status === 401 || status === 403) toast("The page is too old or your login has ended. What you entered is kept in this tab: log in again and come back.");
    else toast(`That did not work (${status}). Nothing is lost; try again. Trace ${trace.slice(0, 12)}`);
  });
  document.addEventListener("htmx:sendError", () => toast("The panel cannot be reached. Nothing is lost; try again."));
  const log = document.getElementById("chat");
  if (log) log.scrollTop = log.scrollHeight;
  // A picture that arrives makes its message higher. Loading does not bubble.
  document.addEventListener("load", (event) => {
    const around = event.target.closest?.(".chat-log");
    if (around) around.scrollTop = around.scrollHeight;
  }, true);
}
