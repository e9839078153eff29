// The call list: one table on a wide screen, cards on a phone; every row is a real link.

import { el, fill, paint } from "./dom.js";
import { clock, day, DISPOSITIONS, language, number, party, percent, queue, span, time } from "./format.js";
import { oneStep, orElse } from "./steps.js";

const FAULTS = {
  degraded: ["faulty", "The sound has faults; open the call to see which."],
  truncated: ["cut", "A part of the sound is missing; open the call to see which."],
};
const STATES = { done: "Ready", empty: "Nobody speaks", unsupported: "Language unknown", failed: "Failed", off: "Switched off" };

/** Called by the component for every change of its data: {rows, names, time_zone, query}. */
export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  paint(root);
  const open = (event, row) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    oneStep();
    component.setTriggerValue("open", row.call_id);
    orElse(address(row, data.query));
  };
  fill(root, table(data, open));
  return undefined;
}

const address = (row, query) => `/review?call=${row.call_id}${query ? `&${query}` : ""}`;

function table(data, open) {
  const heads = ["Started", "From", "To", "Result", "Talked", "Who talks", "Quality", "Transcript", "Comments"];
  return el(
    "table",
    { class: "calls" },
    el("thead", {}, el("tr", {}, heads.map((h) => el("th", { scope: "col" }, h === "Comments" ? el("span", { class: "unseen" }, h) : h)))),
    el("tbody", {}, data.rows.map((row) => line(row, data, open))),
  );
}

function line(row, data, open) {
  const zone = data.time_zone;
  const link = el(
    "a",
    { href: address(row, data.query), class: "open", onclick: (event) => open(event, row) },
    el("span", { class: "day" }, day(row.started_at, zone)),
    el("span", { class: "time" }, time(row.started_at, zone)),
  );
  const cell = (name, ...children) => el("td", { class: name }, children);
  return el(
    "tr",
    { onclick: (event) => event.target.closest("a") || open(event, row) },
    cell("when", link),
    cell("from", el("span", { class: "clip" }, party(row.caller_number, data.names, row.caller_name))),
    cell("to", el("span", { class: "arrow", "aria-hidden": "true" }, "→ "), el("span", { class: "clip" }, party(row.callee_number, data.names)), taken(row, data.names), chips(row)),
    cell("result", el("span", { class: `badge ${row.disposition}`, title: row.cause ?? "" }, row.voicemail ? "Voicemail" : (DISPOSITIONS[row.disposition] ?? row.disposition))),
    cell("talk", row.talk_s ? clock(row.talk_s) : el("span", { class: "soft" }, `waited ${span(row.wait_s)}`)),
    cell("share", share(row.caller_talk_ratio)),
    cell("mos", row.mos_min === null ? el("span", { class: "soft" }, "–") : el("span", { class: row.mos_min < 3.6 ? "poor" : "" }, number(row.mos_min, 2))),
    cell("rec", recording(row)),
    cell("notes", row.comments ? el("span", { class: "count", title: `${row.comments} comments` }, String(row.comments)) : null),
  );
}

/** Who took a call that was not dialled to him directly, and the queue that it came through. */
function taken(row, names) {
  const by = row.answered_by && row.answered_by !== row.callee_number ? party(row.answered_by, names) : "";
  const text = [row.queue ? `queue ${queue(row.queue, names)}` : "", by ? `taken by ${by}` : ""].filter(Boolean).join(", ");
  return text ? el("span", { class: "soft clip taken" }, text) : null;
}

const CHIPS_MAX = 3; // more do not fit a row

/** What the tenant's rules have set: alerts first, then tags. */
function chips(row) {
  const tags = row.tags ?? [];
  const alerts = row.alerts ?? [];
  if (!tags.length && !alerts.length) return null;
  return el(
    "span",
    { class: "chips" },
    alerts.length ? el("span", { class: "chip alert", title: `Alert by ${alerts.join(", ")}` }, "Alert") : null,
    tags.slice(0, CHIPS_MAX).map((tag) => el("span", { class: "chip", title: tag }, tag)),
    tags.length > CHIPS_MAX ? el("span", { class: "soft", title: tags.slice(CHIPS_MAX).join(", ") }, `+${tags.length - CHIPS_MAX}`) : null,
  );
}

function share(ratio) {
  if (ratio === null || ratio === undefined) return el("span", { class: "soft" }, "–");
  const bar = el("span", { class: "minibar", role: "img", title: `Caller ${percent(ratio)}, callee ${percent(1 - ratio)}`, "aria-label": `Caller ${percent(ratio)}` });
  const caller = el("span", { class: "caller" });
  const callee = el("span", { class: "callee" });
  caller.style.flexGrow = String(ratio);
  callee.style.flexGrow = String(1 - ratio);
  bar.append(caller, callee);
  return bar;
}

function recording(row) {
  if (!row.recording_id) return row.disposition === "answered" ? el("span", { class: "fault" }, "Not recorded") : el("span", { class: "soft" }, "–");
  const [fault, meaning] = FAULTS[row.recording_quality] ?? [];
  const done = row.transcript_status === "done";
  const text = done && row.language ? language(row.language) : (STATES[row.transcript_status] ?? row.transcript_status ?? "In preparation");
  return el(
    "span",
    {},
    el("span", { class: done ? "" : "soft" }, text),
    fault ? el("span", { class: "fault", title: meaning }, fault) : null,
  );
}
