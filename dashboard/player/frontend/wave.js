// The sound: two-channel waveform, transport, speed, skipping of silence, markers of comments.

import { el, fill, icon } from "./dom.js";
import { clock } from "./format.js";
import { read } from "./net.js";
import WaveSurfer from "./wavesurfer.esm.js";

const SPEEDS = [0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const GAP_S = 1.0; // shorter pauses are part of talking
const MARGIN_S = 0.25;
const RELOADS_MAX = 20;
const PREPARED = "The recording is being prepared: what must not be heard is being cut out. It is fetched as soon as it is ready.";
const PREPARED_MS = 5000;

export class Wave {
  /** on: {time(t), playing(bool)}; nothing is fetched before load(). */
  constructor(on) {
    this.on = on;
    this.ws = null;
    this.skip = false;
    this.gaps = [];
    this.markers = [];
    this.reloads = 0;
    this.closed = false;
    this.ready = false;
    this.wish = null; // {at, play}: what was asked for before the sound was there
    this.#build();
  }

  #build() {
    const button = (name, label, shown, act) =>
      el("button", { class: `tool ${name}`, type: "button", title: label, "aria-label": label, onclick: act }, shown);
    this.surface = el("div", { class: "surface", "aria-hidden": "true" });
    this.lanes = el("canvas", { class: "lanes", "aria-hidden": "true" });
    this.trouble = el("p", { class: "trouble", role: "status", hidden: true });
    this.playButton = button("play", "Play (space)", icon("play"), () => this.toggle());
    this.clockText = el("span", { class: "clock", "aria-live": "off" }, "0:00 / –");
    this.speed = el(
      "select",
      { class: "speed", title: "Speed ([ and ])", "aria-label": "Speed", onchange: () => this.#speed(+this.speed.value) },
      SPEEDS.map((s) => el("option", { value: String(s), selected: s === 1 }, `${s}×`)),
    );
    this.skipBox = el("input", { type: "checkbox", onchange: () => (this.skip = this.skipBox.checked) });
    this.download = el("a", { class: "tool", title: "Download as M4A", "aria-label": "Download as M4A", download: "" }, icon("download"));
    this.node = el(
      "section",
      { class: "card wave", "aria-label": "Recording" },
      el("div", { class: "voices" }, el("span", { class: "voice caller" }, "Caller"), el("span", { class: "voice callee" }, "Callee")),
      this.surface,
      this.lanes,
      this.trouble,
      el(
        "div",
        { class: "transport" },
        button("back", "5 seconds back (←)", [icon("back"), "5"], () => this.by(-5)),
        this.playButton,
        button("ahead", "5 seconds ahead (→)", ["5", icon("forward")], () => this.by(5)),
        this.clockText,
        el("span", { class: "stretch" }),
        el("label", { class: "check", title: "Jump over pauses (s)" }, this.skipBox, "Skip silence"),
        this.speed,
        this.download,
      ),
    );
  }

  /** Show a recording; detail is what /api/calls/{id} answers. */
  async load(detail) {
    this.close();
    this.closed = false;
    this.wish = { at: 0, play: false };
    const { recording_id: id, duration_s: duration } = detail.recording;
    this.duration = duration;
    this.turns = detail.turns;
    this.gaps = silences(detail.turns, duration);
    this.#time(0);
    const webm = document.createElement("audio").canPlayType('audio/webm; codecs="opus"') !== "";
    this.source = `/media/${id}${webm ? "" : "?format=m4a"}`;
    this.download.href = `/media/${id}?format=m4a`;
    this.download.download = `${id}.m4a`;
    const peaks = await read(`/media/${id}/peaks`, { alive: () => !this.closed }).catch(() => null);
    if (this.closed) return;
    const channels = peaks
      ? [peaks.caller, peaks.callee].map((c) => Float32Array.from(c.length ? c : [0], (v) => v / 127))
      : [new Float32Array([0]), new Float32Array([0])];
    const style = getComputedStyle(this.node);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim() || "#888";
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.audio.addEventListener("error", () => this.#broken());
    this.ws = WaveSurfer.create({
      container: this.surface,
      media: this.audio,
      url: this.source,
      peaks: channels,
      duration,
      normalize: true,
      height: 52,
      barWidth: 2,
      barGap: 1,
      barRadius: 1,
      cursorWidth: 2,
      cursorColor: colour("ink"),
      dragToSeek: true,
      splitChannels: ["caller", "callee"].map((p) => ({ waveColor: colour(`${p}-pale`), progressColor: colour(p) })),
    });
    this.ws.on("timeupdate", (t) => this.#time(t));
    this.ws.on("seeking", (t) => this.#time(t));
    this.ws.on("play", () => this.#playing(true));
    this.ws.on("pause", () => this.#playing(false));
    this.ws.on("ready", () => this.#ready());
    this.#drawLanes();
  }

  /** Who pressed play, a word or a key while the sound was still being fetched is heard now. */
  #ready() {
    if (this.ready) return;
    this.ready = true;
    const { at, play } = this.wish;
    this.ws.setPlaybackRate(+this.speed.value, true);
    if (at) this.seek(at);
    if (play) this.toggle();
    this.#drawMarkers();
  }

  close() {
    this.closed = true;
    this.ready = false;
    this.wish = null;
    this.reloads = 0;
    clearTimeout(this.reload);
    this.ws?.destroy();
    this.ws = null;
    if (this.audio) this.audio.removeAttribute("src");
    this.audio = null;
    this.#playing(false);
  }

  get at() {
    return this.ready ? this.ws.getCurrentTime() : (this.wish?.at ?? 0);
  }

  toggle() {
    if (!this.ready) return this.#want({ play: !this.wish?.play });
    this.ws.playPause()?.catch?.(() => {
      this.#say("The browser did not start the sound; press play once more.");
      this.#playing(this.ws?.isPlaying() ?? false);
    });
  }

  play() {
    if (!this.ready) return this.#want({ play: true });
    this.ws.play()?.catch?.(() => {});
  }

  /** The sound is not there yet: keep what is asked for and show that it was understood. */
  #want(wish) {
    if (!this.wish) return;
    Object.assign(this.wish, wish);
    this.#playing(this.wish.play);
    this.#time(this.wish.at);
  }

  by(seconds) {
    this.seek(this.at + seconds);
  }

  seek(seconds) {
    const at = Math.max(0, Math.min(this.duration - 0.05, seconds));
    if (this.ready) this.ws.setTime(at);
    else this.#want({ at });
  }

  faster(steps) {
    const now = SPEEDS.indexOf(+this.speed.value);
    this.speed.value = String(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, now + steps))]);
    this.#speed(+this.speed.value);
  }

  toggleSkip() {
    this.skip = this.skipBox.checked = !this.skip;
  }

  /** Put markers on the waveform: [{at_s, text}], act(index) when one is pressed. */
  mark(comments, act) {
    this.markers = comments.filter((c) => c.at_s !== null && c.at_s !== undefined);
    this.act = act;
    this.#drawMarkers();
  }

  #drawMarkers() {
    const wrapper = this.ws?.getWrapper();
    if (!wrapper) return;
    wrapper.querySelectorAll(".cb-marker").forEach((m) => m.remove());
    const colour = getComputedStyle(this.node).getPropertyValue("--bad").trim() || "#b3362c";
    for (const comment of this.markers) {
      const marker = el("div", {
        class: "cb-marker",
        title: `${clock(comment.at_s)} ${comment.author ?? ""}: ${comment.text.slice(0, 120)}`,
        onclick: (event) => {
          event.stopPropagation();
          this.act(comment);
        },
      });
      Object.assign(marker.style, {
        position: "absolute", top: "0", bottom: "0", width: "9px", marginLeft: "-4px", zIndex: "5", cursor: "pointer",
        left: `${(100 * comment.at_s) / this.duration}%`,
        background: `linear-gradient(${colour}, ${colour}) center / 2px 100% no-repeat`,
      });
      const head = el("div");
      Object.assign(head.style, {
        position: "absolute", top: "0", left: "0", width: "9px", height: "9px", borderRadius: "50%", background: colour,
      });
      marker.append(head);
      wrapper.append(marker);
    }
  }

  #drawLanes() {
    const ratio = window.devicePixelRatio || 1;
    const width = (this.lanes.width = Math.max(1, Math.round(this.surface.clientWidth * ratio)));
    const height = (this.lanes.height = Math.round(14 * ratio));
    const pen = this.lanes.getContext("2d");
    const style = getComputedStyle(this.node);
    pen.clearRect(0, 0, width, height);
    for (const { party, segments } of this.turns?.parties ?? []) {
      pen.fillStyle = style.getPropertyValue(`--${party}`).trim();
      const top = party === "caller" ? 0 : height / 2 + ratio;
      for (const [from, to] of segments)
        pen.fillRect((from / this.duration) * width, top, Math.max(1, ((to - from) / this.duration) * width), height / 2 - ratio);
    }
  }

  /** New measurements have arrived while the recording is shown. */
  measured(turns) {
    this.turns = turns;
    this.gaps = silences(turns, this.duration);
    this.#drawLanes();
  }

  #speed(rate) {
    this.ws?.setPlaybackRate(rate, true);
  }

  #playing(yes) {
    fill(this.playButton, icon(yes ? "pause" : "play"));
    this.playButton.setAttribute("aria-label", yes ? "Pause (space)" : "Play (space)");
    this.on.playing(yes);
  }

  #time(t) {
    this.clockText.textContent = `${clock(t)} / ${clock(this.duration)}`;
    if (this.reloads && this.ws?.isPlaying() && t > 0) {
      this.reloads = 0;
      this.trouble.hidden = true;
    }
    if (this.skip && this.ws?.isPlaying()) {
      const gap = this.gaps.find(([from, to]) => t >= from && t < to);
      if (gap) {
        this.ws.setTime(Math.min(gap[1], this.duration - 0.05));
        return;
      }
    }
    this.on.time(t);
  }

  /** The connection broke or the server restarts: come back to the same second. */
  async #broken() {
    if (this.closed || !this.audio?.hasAttribute("src")) return;
    const answer = await fetch(this.source, { method: "HEAD" }).catch(() => null);
    if (this.closed) return;
    if (answer?.status === 404) {
      this.#say("The sound of this recording is not on the disk of the server. Everything else of the call is here.");
      return;
    }
    if (answer?.status === 403) {
      this.#say("This recording is not redacted, because its words are not known. Only people with the right to originals hear it.");
      return;
    }
    const prepared = answer?.status === 503;
    if (!prepared && ++this.reloads > RELOADS_MAX) {
      this.#say("The sound cannot be loaded. Reload the page; if it stays so, tell who runs the system.");
      return;
    }
    const back = this.at;
    const playing = this.ws.isPlaying();
    this.#say(prepared ? PREPARED : "The sound stopped coming; it is being fetched again.");
    this.reload = setTimeout(() => {
      if (this.closed) return;
      this.audio.load();
      this.audio.currentTime = back;
      if (playing) this.play();
      this.audio.addEventListener("canplay", () => (this.trouble.hidden = true), { once: true });
    }, prepared ? PREPARED_MS : Math.min(5000, 500 * this.reloads));
  }

  #say(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = false;
  }
}

/** Stretches in which nobody speaks for longer than GAP_S, with a margin left at both ends: [[from, to], …]. */
export function silences(turns, duration) {
  if (!turns) return [];
  const spoken = turns.parties.flatMap((p) => p.segments).sort((a, b) => a[0] - b[0]);
  const gaps = [];
  let end = 0;
  for (const [from, to] of [...spoken, [duration, duration]]) {
    if (from - end > GAP_S) gaps.push([end ? end + MARGIN_S : 0, from - MARGIN_S]);
    end = Math.max(end, to);
  }
  return gaps;
}
