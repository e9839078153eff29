// Comments and corrections on their way: kept in the browser until the server has confirmed them, and sent again after
// an outage. Each has a place of its own there, so that two tabs do not overwrite what the other one keeps.

import { passing, pause, write } from "./net.js";

const PREFIX = "callbench.";
const DRAFT = "callbench.draft.";

/** What one person wrote about one call and is not confirmed yet. kind: comments, edits; fields: what is sent. */
export class Outbox {
  constructor(kind, fields, personId, callId, changed) {
    this.place = `${PREFIX}${kind}.${personId}.${callId}.`;
    this.path = `/api/calls/${callId}/${kind}`;
    this.fields = fields;
    this.callId = callId;
    this.changed = changed; // called with (what the server has kept | null) after each change
    this.items = this.#load();
    this.running = false;
    this.closed = false;
  }

  add(content) {
    const key = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    const item = { ...content, key, made: Date.now(), state: "sending", reason: "" };
    this.items.push(item);
    this.#keep(item);
    this.changed(null);
    this.send();
  }

  drop(key) {
    this.items = this.items.filter((item) => item.key !== key);
    this.#forget(key);
    this.changed(null);
  }

  retry(key) {
    for (const item of this.items) if (item.key === key) Object.assign(item, { state: "sending", reason: "" });
    this.send();
  }

  /** Send what waits, oldest first, as long as the page lives. */
  async send() {
    if (this.running) return;
    this.running = true;
    for (let tries = 0; !this.closed; ) {
      const item = this.items.find((i) => i.state === "sending");
      if (!item) break;
      try {
        const body = Object.fromEntries(this.fields.map((name) => [name, item[name]]));
        const made = await write("POST", this.path, { body, key: item.key });
        tries = 0;
        this.items = this.items.filter((i) => i !== item);
        this.#forget(item.key);
        if (!this.closed) this.changed(made);
      } catch (error) {
        if (passing(error)) {
          item.reason = "The server does not answer; this is kept here and sent again.";
          if (!this.closed) this.changed(null);
          await pause(Math.min(5000, 500 * 2 ** tries++));
        } else {
          Object.assign(item, { state: "refused", reason: error.message, refusal: error.body });
          if (!this.closed) this.changed(null);
        }
      }
    }
    this.running = false;
  }

  close() {
    this.closed = true;
  }

  #load() {
    const kept = [];
    try {
      for (const name of Object.keys(localStorage)) {
        if (!name.startsWith(this.place)) continue;
        const item = parsed(localStorage.getItem(name));
        if (item?.key) kept.push({ ...item, state: "sending", reason: "" });
      }
    } catch {
      // storage is forbidden: nothing is kept there
    }
    return kept.sort((a, b) => (a.made ?? 0) - (b.made ?? 0));
  }

  #keep(item) {
    store(this.place + item.key, item);
  }

  #forget(key) {
    store(this.place + key, null);
  }
}

/** What a person has begun to write about a call or an utterance, until it is sent: {text, at} or null. */
export class Draft {
  constructor(personId, subject) {
    this.place = `${DRAFT}${personId}.${subject}`;
  }

  read() {
    try {
      return parsed(localStorage.getItem(this.place));
    } catch {
      return null;
    }
  }

  write(text, at) {
    store(this.place, text.trim() ? { text, at } : null);
  }

  forget() {
    store(this.place, null);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function store(place, value) {
  try {
    if (value) localStorage.setItem(place, JSON.stringify(value));
    else localStorage.removeItem(place);
  } catch {
    // storage is full or forbidden: a comment still goes out, it only would not survive a reload
  }
}
