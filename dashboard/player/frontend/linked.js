// A table whose rows are links: figures, rivals of a figure, the rows behind it. Where a row leads within the page it is
// followed without loading everything anew.

import { el, fill, paint } from "./dom.js";

/** Called by the component for every change of its data: {label, heads, rows: [{href, key, cells}]}. */
export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  paint(root);
  const follow = (event, row) => {
    if (!row.key || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    component.setTriggerValue("go", row.key);
  };
  fill(root, table(data, follow));
  return undefined;
}

function table({ label, heads, rows }, follow) {
  return el(
    "table",
    { class: "linked", "aria-label": label },
    el("thead", {}, el("tr", {}, heads.map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, rows.map((row) => line(row, heads, follow))),
  );
}

function line(row, heads, follow) {
  const [first, ...rest] = row.cells;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, row.href ? el("a", { href: row.href, onclick: (event) => follow(event, row) }, first) : first),
    rest.map((cell, i) => el("td", { "data-head": heads[i + 1] }, cell)),
  );
}
