// Comments pinned to a second: list, form, markers; each is kept until the server has confirmed it.

import { el, fill } from "./dom.js";
import { clock, dayTime } from "./format.js";
import { write } from "./net.js";
import { Draft, Outbox } from "./outbox.js";

export class Comments {
  /** wave: the player; zone: the tenant's time zone. */
  constructor(wave) {
    this.wave = wave;
    this.kept = [];
    this.list = el("ol", { class: "comments" });
    this.field = el("textarea", {
      rows: 3, maxLength: 4000, placeholder: "What should be done differently, or again?", "aria-label": "Comment",
      onfocus: () => this.#pin(),
      oninput: () => {
        this.#pin();
        this.draft?.write(this.field.value, this.at);
      },
      onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#submit();
        if (event.key === "Escape") this.field.blur();
      },
    });
    this.pinned = el("input", { type: "checkbox", checked: true });
    this.pinText = el("span", {}, "at 0:00");
    this.saveButton = el("button", { class: "primary", type: "submit" }, "Add comment");
    this.form = el(
      "form",
      { class: "comment-form", onsubmit: (event) => (event.preventDefault(), this.#submit()) },
      this.field,
      el("div", { class: "row" }, el("label", { class: "check" }, this.pinned, this.pinText), el("span", { class: "stretch" }), this.saveButton),
    );
    this.node = el("section", { class: "card side", "aria-label": "Comments" }, el("div", { class: "head" }, el("h2", {}, "Comments")), this.form, this.list);
  }

  show(detail, me, zone) {
    this.zone = zone;
    this.callId = detail.cdr.call_id;
    this.recorded = !!detail.recording;
    this.kept = detail.comments;
    this.mayComment = me.may_comment;
    this.form.hidden = !me.may_comment;
    this.pinned.parentElement.hidden = !this.recorded;
    if (this.outbox?.callId !== this.callId) {
      this.outbox?.close();
      this.draft = new Draft(me.person_id, this.callId);
      const begun = me.may_comment ? this.draft.read() : null;
      this.field.value = begun?.text ?? "";
      this.at = begun?.at ?? null;
      this.pinText.textContent = `at ${clock(this.at ?? 0)}`;
      this.outbox = new Outbox("comments", ["text", "at_s"], me.person_id, this.callId, (made) => this.#changed(made));
      if (me.may_comment) this.outbox.send();
    }
    this.#draw();
  }

  close() {
    this.outbox?.close();
  }

  /** Key c: write at the second that is heard now. */
  start() {
    if (!this.mayComment) return;
    this.at = null;
    this.field.focus();
  }

  /** The sound is somewhere else now: an empty form follows it. */
  heard() {
    if (this.callId && !this.field.value) this.#pin();
  }

  #pin() {
    if (this.field.value && this.at !== null) return; // the second at which writing began stays
    this.at = this.wave.at;
    this.pinText.textContent = `at ${clock(this.at)}`;
  }

  #submit() {
    const text = this.field.value.trim();
    if (!text) return;
    const at = this.recorded && this.pinned.checked ? Math.round((this.at ?? this.wave.at) * 100) / 100 : null;
    this.outbox.add({ text, at_s: at });
    this.field.value = "";
    this.draft.write("", null);
    this.at = null;
    this.field.blur();
  }

  #changed(made) {
    if (made && !this.kept.some((c) => c.comment_id === made.comment_id)) this.kept = [...this.kept, made];
    this.#draw();
  }

  #draw() {
    const order = (c) => c.at_s ?? Infinity;
    this.kept = [...this.kept].sort((a, b) => order(a) - order(b) || a.created_at - b.created_at);
    const waiting = this.mayComment ? this.outbox.items : [];
    const empty = this.mayComment && this.recorded
      ? "No comments yet. Press c while listening: the comment is pinned to that second."
      : "No comments yet.";
    fill(
      this.list,
      this.kept.map((c) => this.#item(c)),
      waiting.map((c) => this.#waiting(c)),
      this.kept.length + waiting.length ? null : el("li", { class: "soft" }, empty),
    );
    this.wave.mark([...this.kept, ...waiting], (c) => this.#heard(c));
  }

  #at(comment) {
    if (comment.at_s === null || comment.at_s === undefined) return el("span", { class: "at whole" }, "whole call");
    return el("button", { class: "at", type: "button", title: "Hear this second", onclick: () => this.#heard(comment) }, clock(comment.at_s));
  }

  #heard(comment) {
    this.wave.seek(comment.at_s);
    this.list.querySelectorAll(".lit").forEach((n) => n.classList.remove("lit"));
    const item = [...this.list.children].find((n) => n.dataset.id === comment.comment_id);
    item?.classList.add("lit");
    item?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  #item(comment) {
    const when = dayTime(new Date(comment.created_at * 1000).toISOString(), this.zone);
    const remove = comment.may_delete
      ? el("button", { class: "quiet", type: "button", onclick: (event) => this.#delete(comment, event.target) }, "Delete")
      : null;
    return el(
      "li",
      { data: { id: comment.comment_id } },
      el("div", { class: "row" }, this.#at(comment), el("span", { class: "author" }, comment.author), el("span", { class: "stretch" }), remove),
      el("p", { class: "words" }, comment.text),
      el("p", { class: "soft" }, when),
    );
  }

  #waiting(item) {
    const refused = item.state === "refused";
    return el(
      "li",
      { class: "waiting" },
      el("div", { class: "row" }, this.#at(item), el("span", { class: "soft" }, refused ? "Not kept" : "Sending …")),
      el("p", { class: "words" }, item.text),
      item.reason ? el("p", { class: "soft", role: "status" }, item.reason) : null,
      refused
        ? el(
            "div",
            { class: "row" },
            el("button", { class: "quiet", type: "button", onclick: () => this.outbox.retry(item.key) }, "Try again"),
            el("button", { class: "quiet", type: "button", onclick: () => this.outbox.drop(item.key) }, "Throw away"),
          )
        : null,
    );
  }

  /** Asked twice in place: no dialog of the browser interrupts the sound. */
  async #delete(comment, button) {
    if (button.textContent === "Delete") {
      button.textContent = "Really delete?";
      setTimeout(() => (button.textContent = "Delete"), 4000);
      return;
    }
    try {
      await write("DELETE", `/api/comments/${comment.comment_id}`);
      this.kept = this.kept.filter((c) => c !== comment);
      this.#draw();
    } catch (error) {
      button.textContent = "Not deleted; again?";
      button.title = error.message;
    }
  }
}
