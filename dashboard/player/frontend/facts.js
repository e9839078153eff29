// What is known of a call beside its sound: parties, measures of the conversation, quality of the lines, its story.

import { el } from "./dom.js";
import { dayTime, DISPOSITIONS, language, number, party, percent, queue, sides, span, time } from "./format.js";

export function heading(detail, zone) {
  const { cdr, transcript } = detail;
  const bits = [
    dayTime(cdr.started_at, zone),
    cdr.answered_at ? `talked ${span(cdr.talk_s)}` : null,
    `waited ${span(cdr.wait_s)}`,
    cdr.hold_s ? `on hold ${span(cdr.hold_s)}` : null,
    cdr.answered_at ? { caller: "caller hung up", callee: "callee hung up" }[cdr.hangup_party] ?? "ended by the system" : null,
    transcript?.language ? language(transcript.language) : null,
  ];
  const way = [
    { inbound: "From outside", outbound: "To outside", callback: "Called back", informing: "Informed by us", click: "Placed by a program" }[cdr.direction],
    cdr.menu_path ? `menu keys ${cdr.menu_path.split(",").map(key).join(" → ")}` : null,
    cdr.queue ? `queue ${queue(cdr.queue, detail.names)}${cdr.queue_wait_s === null ? "" : `, ${span(cdr.queue_wait_s)} in line`}` : null,
    cdr.forwarded_by ? `forwarded by ${party(cdr.forwarded_by, detail.names)}` : null,
    cdr.answered_by && cdr.answered_by !== cdr.callee_number ? `taken by ${party(cdr.answered_by, detail.names)}` : null,
    cdr.transferred ? `${cdr.transferred === "attended" ? "transferred after consultation" : "transferred"}` : null,
    cdr.recording_pause_s ? `recording paused ${span(cdr.recording_pause_s)}` : null,
  ];
  return el(
    "header",
    { class: "facts" },
    el(
      "h1",
      {},
      el("span", { class: "from" }, party(cdr.caller_number, detail.names, cdr.caller_name)),
      el("span", { class: "to", "aria-label": "to" }, " → "),
      el("span", {}, party(cdr.callee_number, detail.names)),
      el("span", { class: `badge ${cdr.disposition}` }, cdr.voicemail ? "Voicemail" : (DISPOSITIONS[cdr.disposition] ?? cdr.disposition)),
    ),
    way.some(Boolean) ? el("p", { class: "soft bits" }, way.filter(Boolean).map((b) => el("span", {}, b))) : null,
    el("p", { class: "soft bits" }, bits.filter(Boolean).map((b) => el("span", {}, b))),
    cdr.answered_at ? null : el("p", { class: "soft" }, `Cause: ${cdr.cause}`),
    cdr.aborted ? el("p", { class: "warn" }, "The end of this call was reconstructed after a crash; it is true to 5 seconds.") : null,
    warning(detail),
  );
}

const key = (pressed) => ({ t: "none", i: "wrong key" })[pressed] ?? pressed;

/** The recordings of a call with transfers, to choose from; nothing where there is one. */
export function segments(detail, choose) {
  if (detail.recordings.length < 2) return null;
  return el(
    "nav",
    { class: "segments", "aria-label": "Recordings of this call" },
    detail.recordings.map((r) =>
      el(
        "button",
        { type: "button", class: "tool", "aria-pressed": String(r.recording_id === detail.recording?.recording_id), onclick: () => choose(r.recording_id) },
        el("b", {}, r.kind === "voicemail" ? "Message" : `Part ${r.segment}`),
        ` ${[r.caller_number, r.callee_number].filter(Boolean).map((n) => party(n, detail.names)).join(" – ")}, ${span(r.duration_s)}`,
      ),
    ),
  );
}

function warning({ recording, recording_fault: meaning }) {
  if (!recording || recording.quality === "ok") return null;
  const said = { degraded: "The recording has faults", truncated: "The recording is cut short" };
  const exact = recording.quality_reason ?? "no reason given";
  const text = `${said[recording.quality] ?? recording.quality}${meaning ? `. ${meaning}` : `: ${exact}.`}`;
  return el("p", { class: "warn" }, text, meaning ? el("span", { class: "soft exact" }, exact) : null);
}

export function measures(detail) {
  const { turns, transcript } = detail;
  const node = el("section", { class: "card side", "aria-label": "Conversation" }, el("div", { class: "head" }, el("h2", {}, "Conversation")));
  if (!turns) {
    node.append(el("p", { class: "soft" }, detail.recording ? "Not measured yet." : "Without a recording nothing can be measured."));
    return node;
  }
  const [caller, callee] = ["caller", "callee"].map((p) => turns.parties.find((t) => t.party === p));
  if (turns.reason) node.append(el("p", { class: "warn" }, turns.reason));
  if (!turns.parties.length) {
    node.append(el("p", { class: "soft" }, silences(turns)));
    return node;
  }
  const names = Object.values(sides(turns));
  if (caller?.talk_ratio !== null && callee?.talk_ratio !== null && caller && callee)
    node.append(
      el("div", { class: "bar", role: "img", "aria-label": `${names[0]} talks ${percent(caller.talk_ratio)}, ${names[1]} ${percent(callee.talk_ratio)}` },
        part("caller", caller.talk_ratio), part("callee", callee.talk_ratio)),
    );
  const row = (name, a, b) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, a), el("td", {}, b));
  const both = (name, show) => row(name, show(caller), show(callee));
  node.append(
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, el("td", {}), el("th", { class: "voice caller", scope: "col" }, names[0]), el("th", { class: "voice callee", scope: "col" }, names[1]))),
      el(
        "tbody",
        {},
        both("Talking", (p) => span(p?.talk_s)),
        both("Turns", (p) => String(p?.turns ?? "–")),
        both("Longest turn", (p) => span(p?.longest_monologue_s)),
        both("Interrupts", (p) => known(p?.interruptions, (n) => `${n}×`, "One channel cannot tell.")),
        both("Answers after", (p) => known(p?.patience_s, span, "Never spoke after a gap that the other left.")),
        both("Loudness", (p) => known(p?.loudness_dbfs, (db) => number(db, 1, " dBFS"), "Said nothing.")),
        row("Words per minute", number(transcript?.caller_words_per_minute ?? null, 0), number(transcript?.callee_words_per_minute ?? null, 0)),
      ),
    ),
    el("p", { class: "soft" }, silences(turns)),
  );
  return node;
}

/** A figure, or a dash that says why there is none. */
function known(value, show, why) {
  return (value ?? null) === null ? el("span", { title: why }, "–") : show(value);
}

function silences(turns) {
  const said = [`Silence ${span(turns.silence_s)}`];
  if ((turns.non_talk_s ?? null) !== null)
    said.push(`${span(turns.non_talk_s)} of it (${percent(turns.duration_s ? turns.non_talk_s / turns.duration_s : 0)} of the recording) in pauses of 3 s and more`);
  if (turns.overlap_s !== null) said.push(`both at once ${span(turns.overlap_s)}`);
  const pace = (turns.interactivity ?? null) === null ? "" : ` The speaker changes ${number(turns.interactivity, 1)} times a minute.`;
  return `${said.join(", ")}.${pace}`;
}

function part(name, share) {
  const node = el("span", { class: name }, share > 0.12 ? percent(share) : "");
  node.style.flexGrow = String(Math.max(share, 0.001));
  return node;
}

const LEGS_MAX = 4; // a column each; more do not fit a phone screen

export function quality(detail) {
  const { cdr } = detail;
  const talked = cdr.legs.filter((l) => l.answered_at);
  const legs = (talked.length ? talked : cdr.legs).slice(0, LEGS_MAX);
  const row = (name, show) =>
    el("tr", {}, el("th", { scope: "row" }, name), legs.map((l) => el("td", {}, l ? show(l) : "–")));
  const reasons = legs.filter((l) => l.quality_reason).map((l) => `${party(l.number, detail.names)}: ${l.quality_reason}.`);
  return el(
    "section",
    { class: "card side", "aria-label": "Line quality" },
    el("div", { class: "head" }, el("h2", {}, "Line quality")),
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, el("td", {}), legs.map((l) => el("th", { class: `voice ${l.party}`, scope: "col" }, party(l.number, detail.names) || l.party)))),
      el(
        "tbody",
        {},
        row("MOS (1–4.5)", (l) => number(l.mos, 2)),
        row("Lost", (l) => percent(l.loss_share, 1)),
        row("Late", (l) => percent(l.late_share, 1)),
        row("Jitter, mean / max", (l) => (l.jitter_ms_mean === null ? "–" : `${number(l.jitter_ms_mean)} / ${number(l.jitter_ms_max)} ms`)),
        row("Round trip", (l) => number(l.rtt_ms_mean, 0, " ms")),
        row("Codec", (l) => l.codec ?? "–"),
      ),
    ),
    reasons.map((r) => el("p", { class: "soft" }, r)),
  );
}

export function story(detail, zone) {
  if (!detail.events.length) return null;
  return el(
    "details",
    { class: "card side story" },
    el("summary", {}, "Story of the call"),
    el(
      "ol",
      {},
      detail.events.map((e) =>
        el("li", {}, el("span", { class: "soft" }, time(e.at, zone, true)), ` ${e.type.replaceAll("_", " ")}`, e.leg ? el("span", { class: "soft" }, ` · ${e.leg}`) : null, reasons(e)),
      ),
    ),
    el("p", { class: "soft id" }, `Call ${detail.cdr.call_id}`),
    detail.recording ? el("p", { class: "soft id" }, `SHA-256 ${detail.recording.sha256}`) : null,
  );
}

/** Why the exchange sent the call where it went: the steps of the dialplan, each with its place in the model. */
function reasons(event) {
  const steps = event.type === "routed" ? (event.detail?.steps ?? []) : [];
  if (!steps.length) return null;
  return el("ul", { class: "why" }, steps.map((s) => el("li", {}, el("b", {}, s.place), ` ${s.text}`)));
}
