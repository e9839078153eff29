// The bar above every page: the mark, where one can go, who is signed in, and the way out (a POST with CSRF token).

import { el, fill, mark } from "./dom.js";
import { whoami } from "./net.js";
import { arrived, oneStep, orElse } from "./steps.js";

/** Called by the component for every change of its data: {pages: [[path, title], …], here, name, role, tenant}. */
export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  arrived();
  const go = (event, path) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    oneStep();
    component.setTriggerValue("go", path);
    if (path !== data.here) orElse(address(path));
  };
  const link = ([path, title]) =>
    el("a", { href: address(path), class: path === data.here ? "here" : "", "aria-current": path === data.here ? "page" : null, onclick: (event) => go(event, path) }, title);
  const out = el("button", { class: "quiet", type: "button", onclick: () => leave(out) }, "Sign out");
  fill(
    root,
    el(
      "header",
      { class: "top" },
      el("a", { class: "brand", href: "/", "aria-label": "Callbench, calls", onclick: (event) => go(event, data.pages[0][0]) }, mark(), el("span", { class: "wordmark" }, "Callbench")),
      el("nav", { "aria-label": "Pages" }, data.pages.map(link)),
      el("span", { class: "stretch" }),
      el("span", { class: "who", title: `${data.name}, ${data.role}, ${data.tenant}` }, el("span", {}, data.name), el("span", { class: "soft" }, data.tenant)),
      out,
    ),
  );
  const nav = root.querySelector("nav"), here = nav.querySelector(".here");
  if (here) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2; // a phone has no room for all
  return undefined;
}

const address = (path) => (path === "calls" ? "/" : `/${path}`);

async function leave(button) {
  button.disabled = true;
  try {
    const { csrf } = await whoami();
    await fetch("/auth/logout", { method: "POST", headers: { "X-CSRF-Token": csrf }, redirect: "manual" });
    location.assign("/auth/login");
  } catch {
    location.assign("/auth/logout");
  }
}
