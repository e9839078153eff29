// The text of a conversation, following the sound word by word.

import { el, fill, icon } from "./dom.js";
import { Edits } from "./edits.js";
import { clock, percent, sides } from "./format.js";
import { write } from "./net.js";

const UNSURE = 0.5; // words the engine gave less than this are shown as doubtful
const FORMATS = { txt: "Text", vtt: "WebVTT", srt: "SRT", json: "JSON" };
const HANDS_OFF_MS = 4000; // after the reader has scrolled, the text does not run away for so long

export class Transcript {
  /** seek(seconds) is called when a word or a time is pressed, reload() when the server has kept a change. */
  constructor(seek, reload) {
    this.seek = seek;
    this.edits = new Edits((reference) => this.#redraw(reference), reload);
    this.words = [];
    this.current = -1;
    this.touched = 0;
    this.box = el("div", { class: "lines", tabIndex: 0, "aria-label": "Transcript text" });
    this.note = el("p", { class: "note", role: "status" });
    this.count = el("span", { class: "soft" });
    this.search = el("input", {
      type: "search", class: "find", placeholder: "Find in the text", "aria-label": "Find in the text", maxLength: 100,
      oninput: () => this.#find(),
      onkeydown: (event) => event.key === "Enter" && this.#next(),
    });
    this.node = el(
      "section",
      { class: "card transcript", "aria-label": "Transcript" },
      el("div", { class: "head" }, el("h2", {}, "Transcript"), el("span", { class: "stretch" }), this.count, this.search),
      this.note,
      (this.speakers = el("div", {})),
      this.box,
      (this.files = el("p", { class: "files soft" })),
      this.edits.history,
    );
    for (const kind of ["wheel", "touchmove", "pointerdown"])
      this.box.addEventListener(kind, () => (this.touched = performance.now()), { passive: true });
    this.box.addEventListener("click", (event) => this.#pressed(event));
    this.box.addEventListener("keydown", (event) => this.#typed(event));
  }

  show(detail, me, zone) {
    const { transcript, transcription } = detail;
    this.detail = detail;
    this.edits.show(detail, me, zone);
    const waiting = transcription.pending ? el("span", { class: "spinner", "aria-hidden": "true" }) : null;
    fill(this.note, waiting, document.createTextNode(transcription.message), transcription.again ? this.#again(detail) : null);
    this.note.hidden = !transcription.message;
    this.search.hidden = !transcript?.utterances.length;
    this.box.hidden = this.files.hidden = !transcript?.utterances.length;
    fill(this.files, icon("download"), Object.entries(FORMATS).map(([format, name]) => this.#file(format, name)));
    this.#redraw();
  }

  /** A button for what failed or was given up; the page then follows the new attempt. */
  #again(detail) {
    const address = `/api/calls/${detail.cdr.call_id}/transcribe?recording=${detail.recording.recording_id}`;
    const press = async (event) => {
      event.target.disabled = true;
      try {
        await write("POST", address);
        location.reload();
      } catch (error) {
        fill(this.note, document.createTextNode(error.message));
      }
    };
    return el("button", { type: "button", class: "quiet", onclick: press }, "Try again");
  }

  close() {
    this.edits.close();
  }

  /** Draw the utterances anew; the place read and the field written in stay. reference: where the focus goes. */
  #redraw(reference) {
    const from = this.box.scrollTop;
    const field = [...this.edits.open].find(([, node]) => node?.matches(":focus"));
    const [start, end] = [field?.[1].selectionStart, field?.[1].selectionEnd];
    this.words = [];
    this.current = -1;
    this.count.textContent = "";
    if (!this.speakers.matches(":focus-within")) fill(this.speakers, this.detail.transcript?.utterances.length ? this.edits.names() : null);
    fill(this.box, (this.detail.transcript?.utterances ?? []).map((u) => this.#utterance(u)));
    this.box.scrollTop = from;
    if (this.search.value) this.#mark();
    const again = field && this.edits.open.get(field[0]);
    again?.focus({ preventScroll: true });
    again?.setSelectionRange(start, end);
    if (reference) this.#node(reference)?.querySelector(".said")?.focus({ preventScroll: true });
  }

  #node(reference) {
    return [...this.box.children].find((n) => n.dataset.reference === reference);
  }

  #file(format, name) {
    const { cdr, transcript } = this.detail;
    const query = new URLSearchParams({ format, ...(transcript ? { recording: transcript.recording_id } : {}) });
    return el("a", { href: `/api/calls/${cdr.call_id}/transcript?${query}`, download: "" }, name);
  }

  /** F2: put right what is chosen, else what is said at second t. */
  change(t) {
    const said = this.detail?.transcript?.utterances ?? [];
    const chosen = this.box.querySelector(".said:focus")?.closest(".utterance").dataset.reference;
    const utterance = said.find((u) => u.reference === chosen) ?? said.filter((u) => u.start_s <= t + 0.05).at(-1) ?? said[0];
    if (utterance) this.edits.begin(utterance);
  }

  #typed(event) {
    if (event.key !== "Enter" || !event.target.classList.contains("said")) return;
    event.preventDefault();
    this.change(0);
  }

  #utterance(utterance) {
    const { may } = this.edits;
    const text = el("p", { class: "said", tabIndex: may ? 0 : null, title: may ? "Enter or F2: put these words right" : null });
    const words = utterance.words.length || !utterance.text
      ? utterance.words
      : [{ text: utterance.text, start_s: utterance.start_s, end_s: utterance.end_s, p: 1 }];
    if (!words.length) text.append(el("span", { class: "soft" }, "Nothing was said here."));
    words.forEach((word, i) => {
      const unsure = word.p !== null && word.p < UNSURE;
      const span = el("span", { class: `word${unsure ? " unsure" : ""}${word.p === null ? " written" : ""}`, data: { i: this.words.length } }, word.text.trim());
      if (unsure) span.title = `The engine is unsure: ${percent(word.p)}`;
      if (word.p === null) span.title = "Written by a person; the time is estimated";
      this.words.push({ start: word.start_s, end: word.end_s, span });
      text.append(...(i ? [" ", span] : [span]));
    });
    const at = el(
      "button",
      { class: "at", type: "button", title: "Hear from here", data: { at: utterance.start_s } },
      clock(utterance.start_s),
    );
    const who = this.detail.transcript.names[utterance.party] || sides(this.detail.turns)[utterance.party];
    const open = this.edits.open.has(utterance.reference);
    const hidden = utterance.reference.endsWith("."); // something in it is hidden from this person
    const change = may && !open && !hidden
      ? el("button", { class: "quiet change", type: "button", title: "Put these words right (F2)", onclick: () => this.edits.begin(utterance) }, "Change")
      : null;
    return el(
      "div",
      { class: `utterance ${utterance.party}`, data: { start: utterance.start_s, reference: utterance.reference } },
      el("div", { class: "who" }, el("span", { class: "name", title: sides(this.detail.turns)[utterance.party] }, who), at),
      el("div", {}, open ? this.edits.editor(utterance) : text, change, this.edits.notes(utterance)),
    );
  }

  #pressed(event) {
    const word = event.target.closest(".word");
    const at = event.target.closest(".at");
    if (word && !getSelection()?.toString()) this.seek(this.words[+word.dataset.i].start + 0.01);
    else if (at) this.seek(+at.dataset.at + 0.01);
  }

  /** The sound is at t seconds: highlight the word that began last, and keep it in sight. */
  follow(t, playing) {
    let low = 0;
    let high = this.words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.words[middle].start <= t) low = middle + 1;
      else high = middle;
    }
    let index = low - 1;
    if (index >= 0 && t > this.words[index].end + 1.5) index = -1; // a pause: nobody says this word now
    if (index === this.current) return;
    this.words[this.current]?.span.classList.remove("now");
    this.current = index;
    const word = this.words[index];
    if (!word) return;
    word.span.classList.add("now");
    if (playing && performance.now() - this.touched > HANDS_OFF_MS) this.#reveal(word.span);
  }

  /** Bring what is said at second t into sight. */
  lookAt(t) {
    this.follow(t, false);
    const word = this.words[this.current] ?? this.words.find((w) => w.start >= t);
    if (word) this.#reveal(word.span);
  }

  #reveal(span) {
    const box = this.box.getBoundingClientRect();
    const at = span.getBoundingClientRect();
    if (at.top < box.top + 40 || at.bottom > box.bottom - 60)
      this.box.scrollTo({ top: this.box.scrollTop + at.top - box.top - box.height / 3, behavior: "smooth" });
  }

  /** Start of the utterance before (-1) or after (+1) second t. */
  beside(t, step) {
    const starts = [...this.box.children].map((u) => +u.dataset.start);
    return step > 0 ? starts.find((s) => s > t + 0.05) : starts.filter((s) => s < t - 1).at(-1) ?? 0;
  }

  #find() {
    this.#mark();
    if (this.hits.length) this.#reveal(this.hits[0].span);
  }

  #mark() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    for (const { span } of this.words) span.classList.toggle("hit", !!wanted && span.textContent.toLocaleLowerCase().includes(wanted));
    this.hits = this.words.filter(({ span }) => span.classList.contains("hit"));
    this.hit = -1;
    this.count.textContent = wanted ? `${this.hits.length} found` : "";
  }

  #next() {
    if (!this.hits?.length) return;
    this.hit = (this.hit + 1) % this.hits.length;
    this.#reveal(this.hits[this.hit].span);
    this.seek(this.hits[this.hit].start + 0.01);
  }
}
