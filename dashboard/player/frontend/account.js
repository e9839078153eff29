// Who is signed in, and the way out: a POST with the CSRF token.

import { el, fill, paint } from "./dom.js";
import { whoami } from "./net.js";

export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  paint(root);
  const out = el("button", { class: "quiet", type: "button" }, "Sign out");
  out.onclick = async () => {
    out.disabled = true;
    try {
      const { csrf } = await whoami();
      await fetch("/auth/logout", { method: "POST", headers: { "X-CSRF-Token": csrf }, redirect: "manual" });
      location.assign("/auth/login");
    } catch {
      location.assign("/auth/logout");
    }
  };
  fill(root, el("p", { class: "account" }, el("span", { class: "soft tenant" }, data.tenant), el("span", {}, data.name), el("span", { class: "role" }, data.role), out));
  return undefined;
}

