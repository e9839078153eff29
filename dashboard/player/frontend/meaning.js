// What the tenant looks for in a call: alerts and tags, phrases heard, scripts, ways of talking, quoted sentences.

import { el } from "./dom.js";
import { clock } from "./format.js";

const MARKS = { said: "✓", late: "✓", missing: "–" };
const SPOKEN = { said: "said", late: "said too late", missing: "not said" };
const NAMES = { words: "Phrases and scripts", sides: "Phrases of one side, scripts", forms: "Word forms", questions: "Questions", fillers: "Fillers", sentiment: "Tone of words", extracts: "Extracts" };
const PARTIES = ["caller", "callee"];

/** The panel; seek(seconds) is called when a time is pressed. Nothing where there is no text to look at. */
export function meaning(detail, seek) {
  const { meaning: found, transcript } = detail;
  if (!found && !transcript) return null;
  const node = el("section", { class: "card side meaning", "aria-label": "What was said" }, el("div", { class: "head" }, el("h2", {}, "What was said")));
  if (!found) {
    node.append(el("p", { class: "soft" }, "Not looked at yet."));
    return node;
  }
  const at = (seconds) => el("button", { class: "at", type: "button", title: "Hear from here", onclick: () => seek(Math.max(0, seconds - 0.2)) }, clock(seconds));
  const parts = [labels(found), trackers(found, at), ...scripts(found, at), figures(found), extracts(found, at), ...missing(found)];
  node.append(...parts.filter(Boolean));
  return node;
}

function labels({ tags, alerts, score }) {
  if (!tags.length && !alerts.length && score === null) return null;
  return el(
    "p",
    { class: "chips" },
    alerts.map((rule) => el("span", { class: "chip alert", title: "A rule asks for attention" }, `Alert: ${rule}`)),
    tags.map((tag) => el("a", { class: "chip", href: `/?tag=${encodeURIComponent(tag)}`, title: "All calls with this tag" }, tag)),
    score === null ? null : el("span", { class: "soft" }, `Score ${score > 0 ? "+" : ""}${score}`),
  );
}

const cited = (quote) => (quote === null ? el("span", { class: "soft" }, "(hidden)") : el("q", {}, quote));

function trackers({ hits }, at) {
  if (!hits.length) return null;
  return el(
    "ul",
    { class: "marks", "aria-label": "Phrases heard" },
    hits.map((hit) =>
      el(
        "li",
        { class: hit.party },
        at(hit.start_s),
        el("span", {}, el("b", {}, hit.name), " ", cited(hit.quote), hit.fuzzy ? el("span", { class: "soft", title: "Found by likeness: it may be another word" }, " ≈") : null),
      ),
    ),
  );
}

function scripts({ items }, at) {
  const lists = new Map();
  for (const item of items) lists.set(item.checklist_id, [...(lists.get(item.checklist_id) ?? []), item]);
  return [...lists.values()].map((list) => {
    const done = list.filter((item) => item.status === "said").length;
    return el(
      "div",
      { class: "script" },
      el("h3", {}, list[0].checklist, el("span", { class: "soft" }, ` ${done} of ${list.length}`)),
      el(
        "ul",
        { class: "marks" },
        list.map((item) =>
          el(
            "li",
            { class: item.status, title: item.quote ?? "" },
            el("span", { class: "tick", role: "img", "aria-label": SPOKEN[item.status] ?? item.status }, MARKS[item.status] ?? "?"),
            el("span", {}, item.title, item.status === "late" ? el("span", { class: "soft" }, " too late") : null),
            item.at_s === null ? null : at(item.at_s),
          ),
        ),
      ),
    );
  });
}

const TONE = "Mean tone of the words by VADER's lexicon, −1 to 1, in each quarter of the call. It counts politeness as praise: it says nothing about contentment.";

function figures({ parties, agent, reasons }) {
  const sides = PARTIES.map((name) => parties.find((p) => p.party === name)).filter(Boolean);
  const who = (p, scope) => el("th", { class: `voice ${p.party}`, scope }, p.party === agent ? "Agent" : "Customer");
  const counted = ["questions", "fillers"].filter((name) => !(name in reasons));
  const toned = !("sentiment" in reasons) && sides.some((p) => p.sentiment.some((value) => value !== null));
  if (!counted.length && !toned) return null;
  return el(
    "div",
    {},
    counted.length ? el("table", {}, el("thead", {}, el("tr", {}, el("td", {}), sides.map((p) => who(p, "col")))),
      el("tbody", {}, counted.map((name) => el("tr", {}, el("th", { scope: "row" }, NAMES[name]), sides.map((p) => el("td", {}, String(p[name] ?? "–"))))))) : null,
    toned ? el("table", { class: "tone", title: TONE }, el("thead", {}, el("tr", {}, el("th", { scope: "row" }, "Tone of words"), ["1st", "2nd", "3rd", "4th"].map((n) => el("th", { scope: "col" }, n)))),
      el("tbody", {}, sides.map((p) => el("tr", {}, who(p, "row"), p.sentiment.map(tone))))) : null,
    toned ? el("p", { class: "soft" }, "Per quarter of the call, by VADER's lexicon, −1 to 1. Politeness counts as praise.") : null,
  );
}

const tone = (value) =>
  value === null
    ? el("td", { class: "soft", title: "Nothing said" }, "–")
    : el("td", { class: value >= 0.05 ? "up" : value <= -0.05 ? "down" : "" }, `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)}`);

function extracts({ extracts: found }, at) {
  if (!found.length) return null;
  return el(
    "div",
    { class: "script" },
    el("h3", {}, "In their own words"),
    el("ul", { class: "marks" }, found.map((each) => el("li", { class: each.party }, at(each.start_s), cited(each.text)))),
  );
}

function missing({ reasons, undecided }) {
  const lines = Object.entries(reasons).filter(([, why]) => !why.includes("switched off"));
  const grouped = new Map();
  for (const [name, why] of lines) grouped.set(why, [...(grouped.get(why) ?? []), NAMES[name] ?? name]);
  return [
    ...[...grouped].map(([why, names]) => el("p", { class: "soft" }, `${names.join(", ")}: not available, because ${why.replace(/\.$/, "")}.`)),
    undecided.length ? el("p", { class: "soft" }, `Rules that could not be decided here: ${undecided.join(", ")}.`) : null,
  ];
}
