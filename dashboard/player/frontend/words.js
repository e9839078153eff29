// The words of a running call: finished lines stay, what is being said may still change. The newest is kept in sight
// until the reader scrolls up.

import { el, fill, icon } from "./dom.js";
import { clock, language, party } from "./format.js";

const NEAR_PX = 48; // so near to the end the reader is at the end
const BEHIND_S = 10; // more than this is said

export class Words {
  /** back() is called when the reader wants the list again, switched(on) when words of the call shall be taken or not. */
  constructor(back, switched) {
    this.private = el("button", { type: "button", class: "quiet", hidden: true, onclick: () => switched(this.private.dataset.on === "true") });
    this.note = el("p", { class: "note", role: "status" });
    this.head = el("h2", {});
    this.tongue = el("span", { class: "soft" });
    this.log = el("div", { role: "log", "aria-live": "polite", "aria-relevant": "additions" });
    this.now = el("div", { class: "now-said" });
    this.from = el("p", { class: "soft" });
    this.box = el("div", { class: "lines", tabIndex: 0, "aria-label": "What is said" }, this.from, this.log, this.now);
    this.jump = el("button", { class: "primary jump", type: "button", hidden: true, onclick: () => this.newest() }, "Newest words (End)");
    this.node = el(
      "section",
      { class: "card spoken", "aria-label": "Words of the call" },
      el("div", { class: "head" }, el("button", { class: "tool back", type: "button", title: "All running calls (Esc)", "aria-label": "All running calls", onclick: back }, icon("left")), this.head, el("span", { class: "stretch" }), this.tongue, this.private),
      this.note,
      this.box,
      this.jump,
    );
    this.box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.clear();
  }

  clear() {
    this.key = "";
    this.after = 0;
    this.over = false;
    this.stuck = true;
    this.shown = ""; // the recording whose lines are shown last
    for (const node of [this.head, this.tongue, this.log, this.now, this.from]) node.replaceChildren();
    fill(this.note, el("span", { class: "spinner", "aria-hidden": "true" }), "Opening the call …");
    this.note.hidden = false;
    this.jump.hidden = true;
    this.box.hidden = true;
    this.private.hidden = true;
  }

  /** What the server answered. */
  show(found, names) {
    this.seen = true;
    const { call } = found;
    const to = call.answered_by || call.callee;
    this.who = { caller: party(call.caller, names, call.caller_name), callee: party(to, names) };
    fill(this.head, this.who.caller, el("span", { class: "soft" }, " → "), this.who.callee);
    this.tongue.textContent = found.language ? language(found.language) : "";
    if (found.key && found.key !== this.key) this.#begin(found);
    const at = this.#mark();
    for (const line of found.lines.filter((l) => l.number)) this.#finished(line);
    fill(this.now, found.lines.filter((l) => !l.number).map((l) => this.#line(l)));
    this.box.hidden = !this.log.childElementCount && !this.now.childElementCount;
    this.#say(found);
    this.#switch(found);
    if (this.stuck) this.newest();
    else this.jump.hidden = at === this.#mark() && this.jump.hidden;
  }

  /** The server no longer has the call. */
  ended(callId) {
    this.over = this.private.hidden = true;
    this.now.replaceChildren();
    const seen = this.head.childNodes.length > 0;
    fill(
      this.note,
      seen ? "The call has ended. " : "This call does not run, or is not one that you may see. ",
      seen ? el("a", { href: `/review?call=${callId}` }, "Its recording and transcript") : el("a", { href: "/" }, "All calls"),
    );
    this.note.hidden = false;
  }

  say(text) {
    fill(this.note, el("span", { class: "spinner", "aria-hidden": "true" }), text);
    this.note.hidden = false;
  }

  newest() {
    this.stuck = true;
    this.jump.hidden = true;
    this.box.scrollTop = this.box.scrollHeight;
  }

  #scrolled() {
    this.stuck = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_PX;
    if (this.stuck) this.jump.hidden = true;
  }

  #mark() {
    return `${this.log.textContent.length} ${this.now.textContent}`;
  }

  /** Other lines than so far: another recording of the call, or the same one heard anew. */
  #begin({ key, begins_s }) {
    const recording = key.split(".")[0];
    this.key = key;
    this.after = 0;
    this.from.textContent = begins_s > 1 ? `Read along from ${clock(begins_s)} on; all of it is in the transcript after the call.` : "";
    if (recording === this.shown) this.part.replaceChildren();
    else {
      if (this.shown) this.log.append(el("p", { class: "soft divider" }, "The call goes on with somebody else."));
      this.part = el("div", {});
      this.log.append(this.part);
    }
    this.shown = recording;
  }

  #finished(line) {
    this.after = Math.max(this.after, line.number);
    const later = [...this.part.children].find((node) => +node.dataset.start > line.start_s);
    this.part.insertBefore(this.#line(line), later ?? null);
  }

  #line(line) {
    const callers = line.party === "caller";
    return el(
      "div",
      { class: `utterance ${callers ? "caller" : "callee"}${line.number ? "" : " unfinished"}`, data: { start: line.start_s } },
      el("div", { class: "who" }, el("span", { class: "name", title: this.who[callers ? "caller" : "callee"] }, callers ? "Caller" : "Callee"), el("span", { class: "at" }, clock(line.start_s))),
      el("p", {}, line.text),
    );
  }

  /** Off: what was read along so far goes from the page, too, and is asked for anew when words are taken again. */
  #switch({ state, may_switch }) {
    const off = state === "private";
    this.private.hidden = !may_switch || (state === "off" || state === "hidden");
    this.private.dataset.on = String(off);
    this.private.textContent = off ? "Take words again" : "Take no words from this call";
    if (!off) return;
    for (const node of [this.log, this.now]) node.replaceChildren();
    this.key = this.shown = "";
    this.after = 0;
    this.box.hidden = true;
  }

  #say({ state, sentence, behind_s, call }) {
    const busy = state === "starting";
    const late = state === "listening" && behind_s > BEHIND_S ? `The machine is busy: the words are ${Math.round(behind_s)} s behind.` : "";
    const silent = state === "listening" && this.box.hidden ? "Listening. Nobody has said anything yet." : "";
    const text = call.paused ? "The recording is paused, so nothing is heard." : sentence || late || silent;
    fill(this.note, busy ? el("span", { class: "spinner", "aria-hidden": "true" }) : null, text);
    this.note.hidden = !text;
  }
}
