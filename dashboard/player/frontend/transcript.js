// The text of a conversation, following the sound word by word.

import { el, fill } from "./dom.js";
import { clock, percent } from "./format.js";

const UNSURE = 0.5; // words the engine gave less than this are shown as doubtful
const HANDS_OFF_MS = 4000; // after the reader has scrolled, the text does not run away for so long

export class Transcript {
  /** seek(seconds) is called when a word or a time is pressed. */
  constructor(seek) {
    this.seek = seek;
    this.words = [];
    this.current = -1;
    this.touched = 0;
    this.box = el("div", { class: "lines", tabindex: "0", "aria-label": "Transcript text" });
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
      this.box,
    );
    for (const kind of ["wheel", "touchmove", "pointerdown"])
      this.box.addEventListener(kind, () => (this.touched = performance.now()), { passive: true });
    this.box.addEventListener("click", (event) => this.#pressed(event));
  }

  show(detail) {
    const { transcript, transcription } = detail;
    this.words = [];
    this.current = -1;
    this.hits = [];
    this.count.textContent = "";
    const waiting = transcription.pending ? el("span", { class: "spinner", "aria-hidden": "true" }) : null;
    fill(this.note, waiting, document.createTextNode(transcription.message));
    this.note.hidden = !transcription.message;
    this.search.hidden = !transcript?.utterances.length;
    fill(this.box, (transcript?.utterances ?? []).map((u) => this.#utterance(u)));
    this.box.hidden = !transcript?.utterances.length;
  }

  #utterance(utterance) {
    const text = el("p", {});
    const words = utterance.words.length
      ? utterance.words
      : [{ text: utterance.text, start_s: utterance.start_s, end_s: utterance.end_s, p: 1 }];
    words.forEach((word, i) => {
      const span = el("span", { class: word.p < UNSURE ? "word unsure" : "word", data: { i: this.words.length } }, word.text.trim());
      if (word.p < UNSURE) span.title = `The engine is unsure: ${percent(word.p)}`;
      this.words.push({ start: word.start_s, end: word.end_s, span });
      text.append(...(i ? [" ", span] : [span]));
    });
    const at = el(
      "button",
      { class: "at", type: "button", title: "Hear from here", data: { at: utterance.start_s } },
      clock(utterance.start_s),
    );
    const who = utterance.party === "caller" ? "Caller" : "Callee";
    return el(
      "div",
      { class: `utterance ${utterance.party}`, data: { start: utterance.start_s } },
      el("div", { class: "who" }, el("span", { class: "name" }, who), at),
      text,
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
    const wanted = this.search.value.trim().toLocaleLowerCase();
    for (const { span } of this.words) span.classList.toggle("hit", !!wanted && span.textContent.toLocaleLowerCase().includes(wanted));
    this.hits = this.words.filter(({ span }) => span.classList.contains("hit"));
    this.hit = -1;
    this.count.textContent = wanted ? `${this.hits.length} found` : "";
    if (this.hits.length) this.#reveal(this.hits[0].span);
  }

  #next() {
    if (!this.hits?.length) return;
    this.hit = (this.hit + 1) % this.hits.length;
    this.#reveal(this.hits[this.hit].span);
    this.seek(this.hits[this.hit].start + 0.01);
  }
}
