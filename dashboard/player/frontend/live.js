// The page Live: running calls on one side, the words of the opened one on the other. It asks again and again, and
// only while somebody can see it.

import { el, fill, paint } from "./dom.js";
import { clock, party, queue } from "./format.js";
import { listen } from "./keys.js";
import { Refused, write } from "./net.js";
import { Words } from "./words.js";

const CALLS_MS = 2000;
const WORDS_MS = 1000;
const LOOK_MS = 10_000; // the server forgets a look after 30 s
const WORDLESS = new Set(["off", "private", "hidden", "waiting", "not_recorded"]); // states in which a look would be refused
const STATES = {
  routing: "Finding the way", ringing: "Ringing", talking: "Talking", menu: "In a menu", announcement: "Announcement", waiting: "Waiting",
  voicemail: "Leaving a message", mailbox: "In the mailbox", conference: "Conference", joining: "Joining", parked: "Parked", ending: "Ending",
};
const pages = new WeakMap();

/** Called by the component for every change of its data: {call_id, time_zone}. */
export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  paint(root);
  if (!pages.has(parentElement)) pages.set(parentElement, new Page(root, data.call_id));
  const page = pages.get(parentElement);
  return () => {
    page.close();
    pages.delete(parentElement);
  };
}

class Page {
  constructor(root, callId) {
    this.root = root;
    this.calls = [];
    this.names = {};
    this.skew = 0; // milliseconds that the server's clock is ahead
    this.list = el("ul", { class: "running", "aria-label": "Running calls" });
    this.empty = el("p", { class: "note", role: "status" }, el("span", { class: "spinner" }), "Looking for calls …");
    this.words = new Words(() => this.#open(""), (on) => this.#switch(on));
    this.beside = el("div", { class: "card none" }, el("p", { class: "soft" }, "Open a call to read along."));
    this.columns = el("div", { class: "live" }, el("section", { class: "calls-now", "aria-label": "Calls now" }, this.empty, this.list), el("div", { class: "opened" }, this.words.node, this.beside));
    fill(root, this.columns);
    root.tabIndex = -1;
    this.unlisten = listen({
      ArrowDown: () => this.#step(1), ArrowUp: () => this.#step(-1), j: () => this.#step(1), k: () => this.#step(-1),
      End: () => this.words.newest(), Escape: () => this.#open(""),
    });
    this.seen = () => !document.hidden && this.#all();
    document.addEventListener("visibilitychange", this.seen);
    this.ticking = setInterval(() => this.#tick(), 1000);
    this.#open(callId);
    this.#all();
  }

  #all() {
    this.#again("calls", CALLS_MS, () => this.#fetchCalls());
    this.#again("read", WORDS_MS, () => this.#fetchWords());
    this.#again("look", LOOK_MS, () => this.#look());
  }

  /** Do it now, and again after so long; in the meantime only while the page can be seen. */
  #again(name, everyMs, act) {
    clearTimeout(this[`${name}Timer`]);
    const turn = (this[`${name}Turn`] ?? 0) + 1;
    this[`${name}Turn`] = turn;
    const round = async () => {
      if (this.closed || document.hidden || this[`${name}Turn`] !== turn) return;
      await act();
      if (this[`${name}Turn`] === turn) this[`${name}Timer`] = setTimeout(round, everyMs);
    };
    round();
  }

  async #get(path) {
    const response = await fetch(path, { credentials: "same-origin" });
    if (response.status === 401) location.assign(`/auth/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    const body = await response.json().catch(() => null);
    if (!response.ok) throw new Refused(response.status, body);
    this.skew = Date.parse(body.now) - Date.now();
    return body;
  }

  async #fetchCalls() {
    try {
      const { calls, names } = await this.#get("/api/live");
      this.calls = calls;
      this.names = names;
      this.#draw();
    } catch {
      this.#say("No connection to the server; trying again …", true);
    }
  }

  async #fetchWords() {
    const callId = this.callId;
    if (!callId || this.words.over) return;
    try {
      const found = await this.#get(`/api/live/${callId}?key=${encodeURIComponent(this.words.key)}&after=${this.words.after}`);
      if (callId !== this.callId || this.closed) return;
      this.words.show(found, this.names);
      const heard = this.heard;
      this.heard = !WORDLESS.has(found.state);
      if (this.heard && !heard) this.#again("look", LOOK_MS, () => this.#look());
    } catch (error) {
      if (callId !== this.callId || this.closed) return;
      if (error instanceof Refused && error.status === 404) this.words.ended(callId);
      else this.words.say("No connection to the server; trying again …");
    }
  }

  async #look() {
    const callId = this.callId;
    if (!callId || this.words.over || !this.heard) return;
    try {
      await write("POST", `/api/live/${callId}/look`);
    } catch {
      /* the words say why there are none; a lost request is made up for by the next */
    }
  }

  async #switch(on) {
    const callId = this.callId;
    try {
      await write("POST", `/api/live/${callId}/transcription`, { body: { on } });
      await this.#fetchWords();
    } catch (error) {
      if (callId === this.callId) this.words.say(error.message);
    }
  }

  #draw() {
    const rows = this.calls.map((call) => this.#row(call));
    const focused = this.list.getRootNode().activeElement?.dataset?.call;
    fill(this.list, rows);
    if (focused) this.list.querySelector(`[data-call="${focused}"]`)?.focus();
    if (rows.length) this.empty.hidden = true;
    else this.#say("No calls right now. A call appears here as soon as it begins.", false);
    this.#tick();
  }

  #row(call) {
    const here = call.call_id === this.callId;
    const to = call.answered_by && call.answered_by !== call.callee ? party(call.answered_by, this.names) : party(call.callee, this.names);
    const recorded = call.paused ? el("span", { class: "badge" }, "Paused") : call.recorded ? el("span", { class: "badge on" }, "Recorded") : call.state === "talking" ? el("span", { class: "badge off" }, "Not recorded") : null;
    return el(
      "li",
      {},
      el(
        "button",
        { class: "running-call", type: "button", data: { call: call.call_id }, "aria-pressed": String(here), onclick: () => this.#open(call.call_id) },
        el("span", { class: "parties" }, el("b", {}, party(call.caller, this.names, call.caller_name)), el("span", { class: "soft" }, " → "), el("b", {}, to)),
        el("span", { class: "bits soft" }, el("span", {}, STATES[call.state] ?? call.state), call.queue ? el("span", {}, `queue ${queue(call.queue, this.names)}`) : null, el("span", { class: "since", data: { since: call.since ?? "" } })),
        recorded,
      ),
    );
  }

  #tick() {
    for (const node of this.list.querySelectorAll(".since")) {
      const seconds = (Date.now() + this.skew - Date.parse(node.dataset.since)) / 1000;
      node.textContent = Number.isFinite(seconds) ? clock(seconds) : "";
    }
  }

  #step(by) {
    if (!this.calls.length) return;
    const at = this.calls.findIndex((call) => call.call_id === this.callId);
    const next = this.calls[Math.min(this.calls.length - 1, Math.max(0, at + by))];
    this.#open(next.call_id);
    this.list.querySelector(`[data-call="${next.call_id}"]`)?.focus();
  }

  #open(callId) {
    const known = this.callId;
    this.callId = callId;
    this.words.node.hidden = !callId;
    this.beside.hidden = !!callId;
    this.columns.classList.toggle("reading", !!callId);
    if (callId === known) return;
    this.words.clear();
    this.heard = false;
    history.replaceState(history.state, "", callId ? `/live?call=${callId}` : "/live");
    this.#draw();
    if (!callId) return;
    this.#again("read", WORDS_MS, () => this.#fetchWords());
    this.words.node.scrollIntoView?.({ block: "nearest" });
  }

  #say(text, busy) {
    this.empty.hidden = false;
    fill(this.empty, busy ? el("span", { class: "spinner", "aria-hidden": "true" }) : null, text);
  }

  close() {
    this.closed = true;
    clearInterval(this.ticking);
    for (const name of ["calls", "read", "look"]) clearTimeout(this[`${name}Timer`]);
    document.removeEventListener("visibilitychange", this.seen);
    this.unlisten();
  }
}
