// The review page: puts sound, text, comments and facts of one call together and keeps them up to date.

import { Comments } from "./comments.js";
import { el, fill, icon, paint } from "./dom.js";
import { heading, measures, quality, segments, story } from "./facts.js";
import { help, listen } from "./keys.js";
import { meaning } from "./meaning.js";
import { read, whoami } from "./net.js";
import { oneStep } from "./steps.js";
import { Transcript } from "./transcript.js";
import { Wave } from "./wave.js";

const TRIGGER_MS = 5000; // a message to a server that restarts is lost: then the address is opened instead
const pages = new WeakMap();

/** Called by the component for every change of its data: {call_id, revision, query, time_zone, recording, at_s}. */
export function show(component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".cb");
  if (!root) return undefined;
  paint(root);
  if (!pages.has(parentElement)) pages.set(parentElement, new Page(root));
  const page = pages.get(parentElement);
  page.go = (callId) => component.setTriggerValue("go", callId);
  page.show(data);
  return () => {
    page.close();
    pages.delete(parentElement);
  };
}

class Page {
  constructor(root) {
    this.root = root;
    const time = (t) => {
      this.transcript.follow(t, this.playing);
      this.comments.heard();
    };
    this.wave = new Wave({ time, playing: (yes) => (this.playing = yes) });
    this.transcript = new Transcript((t) => {
      this.wave.seek(t);
      this.wave.play();
    }, () => this.#again());
    this.comments = new Comments(this.wave);
    this.status = el("p", { class: "note", role: "status" }, el("span", { class: "spinner" }), "Loading the call …");
    this.head = el("div", { class: "headings" });
    this.nav = el("nav", { class: "between", "aria-label": "Calls" });
    this.side = el("div", { class: "column" });
    this.silent = el("section", { class: "card silent" });
    this.help = help();
    fill(root, this.nav, this.head, this.status);
    root.tabIndex = -1; // a click into the page keeps the focus here, not on Streamlit's scrolling frame
    this.unlisten = listen(this.#keys());
  }

  #keys() {
    const beside = (step) => {
      const at = this.transcript.beside(this.wave.at, step);
      if (at !== undefined) this.wave.seek(at + 0.01);
    };
    return {
      " ": () => this.wave.toggle(), k: () => this.wave.toggle(),
      ArrowLeft: () => this.wave.by(-5), ArrowRight: () => this.wave.by(5),
      j: () => this.wave.by(-10), l: () => this.wave.by(10),
      ArrowUp: () => beside(-1), ArrowDown: () => beside(1),
      "[": () => this.wave.faster(-1), "]": () => this.wave.faster(1),
      s: () => this.wave.toggleSkip(), c: () => this.comments.start(), F2: () => this.transcript.change(this.wave.at),
      n: () => this.#open(this.detail?.older), p: () => this.#open(this.detail?.newer),
      "?": () => (this.help.open ? this.help.close() : this.help.showModal()),
    };
  }

  async show(data) {
    if (data.call_id !== this.data?.call_id) {
      this.segment = data.recording || null;
      this.from = data.at_s; // the second at which the page was opened, to be sought once
    }
    const key = `${data.call_id} ${data.revision} ${data.query} ${this.segment ?? ""}`;
    if (key === this.key) return;
    const other = data.call_id !== this.data?.call_id || this.segment !== this.shown;
    this.shown = this.segment;
    this.key = key;
    this.data = data;
    clearTimeout(this.opening);
    const mine = () => this.key === key && !this.closed;
    try {
      const query = `?${data.query}${this.segment ? `&recording=${this.segment}` : ""}`;
      const [detail, me] = await Promise.all([read(`/api/calls/${data.call_id}${query}`, { alive: mine, waiting: () => this.#say("No connection to the server; trying again …") }), whoami()]);
      if (mine()) await this.#draw(detail, me, other);
    } catch (error) {
      if (mine()) {
        this.key = null;
        this.#say(error.message);
      }
    }
  }

  async #draw(detail, me, other) {
    const hadSound = !other && !!this.detail?.recording;
    this.detail = detail;
    const zone = this.data.time_zone;
    fill(this.head, heading(detail, zone), segments(detail, (id) => this.#choose(id)));
    fill(this.nav, ...this.#links());
    fill(this.side, this.comments.node, meaning(detail, (t) => this.#hear(t)), measures(detail), quality(detail), story(detail, zone));
    this.transcript.show(detail, me, zone);
    if (!detail.recording) fill(this.silent, el("p", { class: "note" }, detail.transcription.pending ? el("span", { class: "spinner" }) : null, detail.transcription.message));
    const main = el("div", { class: "column main" }, detail.recording ? this.transcript.node : null);
    fill(this.root, this.nav, this.head, detail.recording ? this.wave.node : this.silent, el("div", { class: "columns" }, main, this.side), this.help);
    this.comments.show(detail, me, zone);
    if (!detail.recording) this.wave.close();
    else if (hadSound) this.wave.measured(detail.turns);
    else {
      const loaded = this.wave.load(detail);
      if (Number.isFinite(this.from)) {
        this.wave.seek(this.from);
        this.transcript.lookAt(this.from);
      }
      this.from = null;
      await loaded;
    }
  }

  /** A change to the transcript was kept: show it as it stands now. */
  async #again() {
    const { key, detail } = this;
    const path = `/api/calls/${detail.cdr.call_id}${detail.transcript ? `?recording=${detail.transcript.recording_id}` : ""}`;
    const [now, me] = await Promise.all([read(path, { alive: () => this.key === key && !this.closed }), whoami()]);
    if (this.key !== key || this.closed) return;
    this.detail.transcript = now.transcript;
    this.transcript.show(this.detail, me, this.data.time_zone);
  }

  #hear(seconds) {
    this.wave.seek(seconds);
    this.wave.play();
  }

  #choose(recordingId) {
    this.segment = recordingId;
    this.show(this.data);
  }

  #links() {
    const link = (callId, label, key, children) =>
      el("a", {
        class: callId ? "tool" : "tool off", title: `${label} (${key})`, "aria-label": label, "aria-disabled": callId ? null : "true",
        href: callId ? this.#address(callId) : undefined,
        onclick: (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          this.#open(callId);
        },
      }, children);
    return [
      el("a", { class: "tool wide", href: `/${this.data.query ? `?${this.data.query}` : ""}`, onclick: (event) => this.#back(event) }, icon("left"), "All calls"),
      el("span", { class: "stretch" }),
      link(this.detail.newer, "Newer call", "p", [icon("left"), "Newer"]),
      link(this.detail.older, "Older call", "n", ["Older", icon("right")]),
      el("button", { class: "tool", type: "button", title: "Keys (?)", "aria-label": "Keys", onclick: () => this.help.showModal() }, "?"),
    ];
  }

  #address(callId) {
    return `/review?call=${callId}${this.data.query ? `&${this.data.query}` : ""}`;
  }

  #back(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    oneStep();
    this.go("list");
    this.opening = setTimeout(() => location.assign(event.target.closest?.("a")?.href ?? "/"), TRIGGER_MS);
  }

  #open(callId) {
    if (!callId) return;
    this.go(callId);
    clearTimeout(this.opening);
    this.opening = setTimeout(() => location.assign(this.#address(callId)), TRIGGER_MS);
  }

  #say(text) {
    this.status.textContent = text;
    if (!this.status.isConnected) this.root.prepend(this.status);
  }

  close() {
    this.closed = true;
    clearTimeout(this.opening);
    this.unlisten();
    this.transcript.close();
    this.comments.close();
    this.wave.close();
  }
}
