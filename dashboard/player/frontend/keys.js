// Keys of the review page; silent while somebody types.

import { el } from "./dom.js";

export const HELP = [
  ["space, k", "play or pause"],
  ["← →", "5 seconds back, ahead"],
  ["j l", "10 seconds back, ahead"],
  ["↑ ↓", "utterance before, after"],
  ["[ ]", "slower, faster"],
  ["s", "skip silence"],
  ["c", "comment at this second"],
  ["F2", "put the words at this second right (Enter keeps, Esc forgets)"],
  ["n p", "next (older), previous (newer) call"],
  ["?", "this help"],
];

/** Listen on the document until the returned function is called; acts maps a key to what it does. */
export function listen(acts) {
  const handler = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    if (target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable], [role=combobox]") && target.type !== "checkbox") return;
    if (target instanceof HTMLElement && event.key === " " && target.closest("button, a, summary, input")) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  document.addEventListener("keydown", handler, true);
  return () => document.removeEventListener("keydown", handler, true);
}

export function help() {
  const node = el(
    "dialog",
    { class: "help", "aria-label": "Keys", onclick: (event) => event.target === node && node.close() },
    el("h2", {}, "Keys"),
    el("dl", {}, HELP.map(([keys, what]) => [el("dt", {}, keys.split(" ").map((k) => el("kbd", {}, k.replace(",", "")))), el("dd", {}, what)])),
    el("button", { class: "primary", type: "button", onclick: () => node.close() }, "Close"),
  );
  return node;
}
