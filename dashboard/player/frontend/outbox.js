// Comments on their way: kept in the browser until the server has confirmed them, and sent again after an outage.

import { passing, pause, write } from "./net.js";

const PREFIX = "callbench.comment.";

/** The comments of one person on one call that are not confirmed yet. */
export class Outbox {
  constructor(personId, callId, changed) {
    this.place = `${PREFIX}${personId}.${callId}`;
    this.callId = callId;
    this.changed = changed; // called with (confirmed comment | null) after each change
    this.items = this.#load();
    this.running = false;
    this.closed = false;
  }

  add(text, atS) {
    const key = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    this.items.push({ key, text, at_s: atS, state: "sending", reason: "" });
    this.#save();
    this.changed(null);
    this.send();
  }

  drop(key) {
    this.items = this.items.filter((item) => item.key !== key);
    this.#save();
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
        const made = await write("POST", `/api/calls/${this.callId}/comments`, {
          body: { text: item.text, at_s: item.at_s },
          key: item.key,
        });
        tries = 0;
        this.items = this.items.filter((i) => i !== item);
        this.#save();
        if (!this.closed) this.changed(made);
      } catch (error) {
        if (passing(error)) {
          item.reason = "The server does not answer; this is kept here and sent again.";
          if (!this.closed) this.changed(null);
          await pause(Math.min(5000, 500 * 2 ** tries++));
        } else {
          Object.assign(item, { state: "refused", reason: error.message });
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
    try {
      const kept = JSON.parse(localStorage.getItem(this.place) ?? "[]");
      return kept.map((item) => ({ ...item, state: "sending", reason: "" }));
    } catch {
      return [];
    }
  }

  #save() {
    try {
      if (this.items.length) localStorage.setItem(this.place, JSON.stringify(this.items));
      else localStorage.removeItem(this.place);
    } catch {
      // storage is full or forbidden: the comment still goes out, it only would not survive a reload
    }
  }
}
