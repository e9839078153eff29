// The hits of a search: who said it in which call, the words, and the way to that second.

import { el, fill, paint } from "./dom.js";
import { clock, dayTime, party } from "./format.js";
import { oneStep, orElse } from "./steps.js";

/** Called by the component for every change of its data: {hits, names, time_zone}. */
export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  paint(root);
  const open = (event, query) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    oneStep();
    component.setTriggerValue("open", query);
    orElse(`/review?${query}`);
  };
  fill(root, el("ol", { class: "found" }, data.hits.map((hit) => row(hit, data, open))));
  return undefined;
}

function row(hit, data, open) {
  const query = new URLSearchParams({ call: hit.call_id, recording: hit.recording_id, at: hit.at_s.toFixed(2) }).toString();
  const words = hit.words.flatMap(([text, found], i) => [i ? " " : "", found ? el("mark", {}, text) : text]);
  const speaker = party(hit.party === "caller" ? hit.caller_number : hit.callee_number, data.names);
  const between = `${party(hit.caller_number, data.names)} → ${party(hit.callee_number, data.names)}`;
  const remarks = [hit.similar ? "similar word" : "", hit.edited ? "changed by a person" : ""].filter(Boolean).join(", ");
  return el("li", { class: hit.party },
    el("a", { href: `/review?${query}`, onclick: (event) => open(event, query) },
      el("span", { class: "row wrap soft" }, el("span", { class: "name" }, speaker), el("span", {}, `at ${clock(hit.at_s)}`), remarks ? el("span", { class: "badge" }, remarks) : null),
      el("span", { class: "words" }, words),
      el("span", { class: "soft" }, `${dayTime(hit.started_at, data.time_zone)} · ${between}`)));
}
