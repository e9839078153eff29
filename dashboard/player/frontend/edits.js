// Putting a transcript right: the editor of an utterance, names of speakers, and what was changed by whom. What is not
// confirmed by the server is kept in the browser; who was overtaken by somebody else decides knowingly.

import { el, fill } from "./dom.js";
import { dayTime } from "./format.js";
import { read } from "./net.js";
import { Draft, Outbox } from "./outbox.js";

const FIELDS = ["recording_id", "kind", "reference", "party", "text", "seen"];
export const PARTIES = { caller: "Caller", callee: "Callee" };

export class Edits {
  /** redraw(): something to draw has changed; reload(): the server has kept something. */
  constructor(redraw, reload) {
    this.redraw = redraw;
    this.reload = reload;
    this.open = new Map(); // reference → the field in which it is being written
    this.history = el("dialog", { class: "help history", "aria-label": "Changes", onclick: (event) => event.target === this.history && this.history.close() });
  }

  show(detail, me, zone) {
    this.zone = zone;
    this.text = detail.transcript;
    this.may = !!this.text?.may_edit;
    if (this.recordingId === this.text?.recording_id && this.callId === detail.cdr.call_id) return;
    this.outbox?.close();
    this.open.clear();
    this.callId = detail.cdr.call_id;
    this.recordingId = this.text?.recording_id;
    this.person = me.person_id;
    if (!this.may) return void (this.outbox = null);
    this.outbox = new Outbox("edits", FIELDS, me.person_id, this.callId, (made) => (made ? this.reload() : this.redraw()));
    for (const u of this.text.utterances) if (this.#draft(u).read()) this.open.set(u.reference, null);
    this.outbox.send();
  }

  close() {
    this.outbox?.close();
  }

  /** The newest change of this utterance (or name) that waits to be kept. */
  waiting(kind, place) {
    return this.outbox?.items.filter((i) => i.recording_id === this.recordingId && i.kind === kind && (kind === "name" ? i.party : i.reference) === place).at(-1);
  }

  begin(utterance) {
    if (utterance.reference.endsWith(".")) return; // something in it is hidden from this person
    if (!this.may) return;
    this.open.set(utterance.reference, null);
    this.redraw();
    const field = this.open.get(utterance.reference);
    field?.focus();
    field?.setSelectionRange(field.value.length, field.value.length);
  }

  /** The field, and what can be done with it. */
  editor(utterance) {
    const draft = this.#draft(utterance);
    const begun = draft.read();
    const seen = begun?.at ?? utterance.seen.text;
    const before = this.open.get(utterance.reference);
    const field = el("textarea", {
      class: "rewrite", rows: 2, maxLength: 2000, value: before?.value ?? begun?.text ?? utterance.text, "aria-label": "What was said",
      oninput: () => draft.write(field.value, seen),
      onkeydown: (event) => {
        if (event.isComposing) return;
        if (event.key === "Enter" && !event.shiftKey) this.#save(event, utterance, field, seen);
        if (event.key === "Escape") this.#cancel(event, utterance);
      },
    });
    this.open.set(utterance.reference, field);
    const whose = el("select", { class: "speed", "aria-label": "Whose words", onchange: () => this.#send("party", utterance, whose.value, "", utterance.seen.party) },
      Object.entries(PARTIES).map(([party, name]) => el("option", { value: party, selected: party === utterance.party }, name)));
    return el("div", { class: "rewriting" }, field,
      el("div", { class: "row wrap" },
        el("button", { class: "primary", type: "button", onclick: (event) => this.#save(event, utterance, field, seen) }, "Keep"),
        el("button", { class: "tool", type: "button", onclick: (event) => this.#cancel(event, utterance) }, "Cancel"),
        el("span", { class: "stretch" }), whose, this.#historyButton(utterance)));
  }

  /** Beneath an utterance: who changed it, what waits, what was refused. */
  notes(utterance) {
    const { text, party } = utterance.edited;
    const by = text ?? party;
    const notes = [];
    for (const kind of ["text", "party"]) {
      const item = this.waiting(kind, utterance.reference);
      if (item) notes.push(this.#unsent(item, kind === "party" ? `Words of the ${PARTIES[item.party].toLowerCase()}: ` : ""));
    }
    if (by) notes.push(el("p", { class: "soft edited" }, `Changed by ${by.author}, ${dayTime(by.at, this.zone)} `, this.#historyButton(utterance)));
    return notes;
  }

  /** The names of those who speak, to be given. */
  names() {
    if (!this.may) return null;
    const fields = Object.entries(PARTIES).map(([party, title]) => {
      const waiting = this.waiting("name", party);
      const field = el("input", { class: "find", maxLength: 64, value: waiting?.text ?? this.text.names[party], placeholder: "Name", "aria-label": `Name of the ${title.toLowerCase()}` });
      const keep = (event) => {
        event.preventDefault();
        event.target.querySelector(":focus")?.blur();
      const name = field.value.trim();
        if (name !== this.text.names[party]) this.#add({ kind: "name", reference: "", party, text: name || null, seen: this.text.seen_names[party] });
      };
      return el("form", { class: "row wrap", onsubmit: keep }, el("span", { class: `voice ${party}` }, title), field, el("button", { class: "tool", type: "submit" }, "Keep"), waiting ? this.#unsent(waiting, "") : null);
    });
    return el("details", { class: "names", open: this.namesOpen, ontoggle: (event) => (this.namesOpen = event.target.open) }, el("summary", { class: "soft" }, "Name the speakers"), fields);
  }

  #draft(utterance) {
    return new Draft(this.person, `${this.recordingId}.${utterance.reference}`);
  }

  #save(event, utterance, field, seen) {
    event.preventDefault();
    const text = field.value.trim().replace(/\s+/g, " ");
    if (text !== utterance.text) this.#send("text", utterance, utterance.party, text, seen);
    this.#cancel(event, utterance);
  }

  #cancel(event, utterance) {
    event.preventDefault();
    event.stopPropagation();
    this.#draft(utterance).forget();
    this.open.delete(utterance.reference);
    this.redraw(utterance.reference);
  }

  #send(kind, utterance, party, text, seen) {
    this.#add({ kind, reference: utterance.reference, party, text, seen });
  }

  #add(change) {
    for (const old of this.outbox.items.filter((i) => i.state === "refused" && i.kind === change.kind && i.reference === change.reference && i.party === change.party)) this.outbox.drop(old.key);
    this.outbox.add({ recording_id: this.recordingId, ...change });
  }

  #unsent(item, before) {
    const refused = item.state === "refused";
    const now = item.refusal?.now;
    const overtaken = item.refusal?.error === "changed_meanwhile";
    const stands = now && item.kind !== "party" ? (now.text === null ? "what the engine heard" : `“${now.text}”`) : "";
    const button = (label, act) => el("button", { class: "quiet", type: "button", onclick: act }, label);
    return el("div", { class: "unsent", role: "status" },
      el("p", {}, `${refused ? "Not kept" : "Sending …"} ${before}`, item.text ? el("q", {}, item.text) : null),
      item.reason ? el("p", { class: "soft" }, item.reason) : null,
      overtaken && stands ? el("p", { class: "soft" }, `There stands now: ${stands}`) : null,
      refused ? el("div", { class: "row wrap" },
        overtaken
          ? button("Replace it with mine", () => (this.outbox.drop(item.key), this.#add({ ...pick(item), seen: now?.edit_id ?? "" })))
          : button("Try again", () => this.outbox.retry(item.key)),
        button(overtaken ? "Leave theirs" : "Throw away", () => (this.outbox.drop(item.key), this.reload()))) : null);
  }

  #historyButton(utterance) {
    return utterance.seen.text || utterance.seen.party
      ? el("button", { class: "quiet", type: "button", onclick: () => this.#story(utterance) }, "History")
      : null;
  }

  async #story(utterance) {
    const { edits, heard } = await read(`/api/calls/${this.callId}/edits?recording=${this.recordingId}`);
    const mine = edits.filter((e) => e.reference === utterance.reference);
    const first = heard[utterance.reference];
    const last = (kind) => mine.filter((e) => e.kind === kind).at(-1)?.edit_id ?? "";
    const back = (kind, party, text) => this.may
      ? el("button", { class: "quiet", type: "button", onclick: () => (this.history.close(), this.#send(kind, utterance, party, text, last(kind))) }, "Put this back")
      : null;
    const line = (who, at, what, button) => el("li", {}, el("p", { class: "soft" }, at ? `${who}, ${dayTime(at, this.zone)} ` : `${who} `, button), el("p", { class: "words" }, what));
    const told = (e) => (e.kind === "party"
      ? (e.text === null ? "Words of whom the engine heard" : `Words of the ${PARTIES[e.party].toLowerCase()}`)
      : e.text === null ? "Put back what the engine heard" : e.text || "Nothing was said");
    fill(this.history,
      el("h2", {}, "Changes"),
      el("ol", { class: "comments" },
        line("The engine heard", null, first ? `${PARTIES[first.party]}: ${first.text}` : "", first && last("text") ? back("text", first.party, null) : null),
        mine.map((e) => line(e.author, e.at, told(e), e.kind === "text" && e.text !== null && e.edit_id !== last("text") ? back("text", e.party, e.text) : null)),
        first && last("party") ? el("li", {}, back("party", first.party, null), " whose words the engine heard") : null),
      el("button", { class: "primary", type: "button", onclick: () => this.history.close() }, "Close"));
    this.history.showModal();
  }
}

const pick = (item) => Object.fromEntries(FIELDS.map((name) => [name, item[name]]));
