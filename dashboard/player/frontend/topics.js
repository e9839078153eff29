// The words that rise from week to week: two shares, each with its counts; a word leads to the calls that hold it.

import { el, fill, paint } from "./dom.js";
import { language, percent } from "./format.js";

/** Called by the component for every change of its data: what dashboard.web.meanings.topics_as_json gives. */
export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  paint(root);
  fill(root, el("section", { class: "card side topics", "aria-label": "Topics that rise" }, content(data)));
  return undefined;
}

function content({ topics, languages, least }) {
  const thin = languages.filter((l) => !l.compared);
  return [
    el("p", { class: "soft" }, "Words in a larger share of the last 7 days' calls than of the 7 days before, beyond chance. Counted are calls that hold the word in any of its forms."),
    topics.length ? table(topics) : null,
    !topics.length && languages.some((l) => l.compared) ? el("p", {}, "No word has risen clearly.") : null,
    languages.length ? null : el("p", {}, "No transcripts in these two weeks."),
    thin.map((l) => el("p", { class: "soft" }, `${language(l.language)}: not compared, because it takes ${least} calls in each week; there are ${l.calls} and ${l.calls_before}.`)),
  ];
}

function table(topics) {
  const share = (rate, calls, of) => el("td", {}, percent(rate), el("span", { class: "soft" }, ` ${calls} of ${of}`));
  const several = new Set(topics.map((t) => t.language)).size > 1;
  return el(
    "table",
    {},
    el("thead", {}, el("tr", {}, ["Word", "Last 7 days", "7 days before"].map((h, i) => el("th", { scope: i ? "col" : "row" }, h)))),
    el(
      "tbody",
      {},
      topics.map((t) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, el("a", { href: `/search?q=${encodeURIComponent(t.term)}` }, t.term), several ? el("span", { class: "soft" }, ` ${language(t.language)}`) : null),
          share(t.rate, t.calls, t.of),
          share(t.rate_before, t.calls_before, t.of_before),
        ),
      ),
    ),
  );
}
