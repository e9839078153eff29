// Numbers and times as people read them.

/** 75.4 → "1:15", 3675 → "1:01:15". */
export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.floor(seconds));
  const tail = `${String(Math.floor(s / 60) % 60).padStart(s >= 3600 ? 2 : 1, "0")}:${String(s % 60).padStart(2, "0")}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${tail}` : tail;
}

/** Seconds with a unit: 4.25 → "4.3 s", 75 → "1:15 min". */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${clock(seconds)} ${seconds >= 3600 ? "h" : "min"}`;
}

export function percent(share, digits = 0) {
  return share === null || share === undefined ? "–" : `${(share * 100).toFixed(digits)} %`;
}

export function number(value, digits = 1, unit = "") {
  return value === null || value === undefined ? "–" : `${value.toFixed(digits)}${unit}`;
}

const formats = new Map();
function formatter(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) {
    try {
      formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
    } catch {
      formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }));
    }
  }
  return formats.get(key);
}

/** A day and a minute in the tenant's time zone. */
export function dayTime(iso, zone) {
  return formatter(zone, {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  }).format(new Date(iso));
}
export function day(iso, zone) {
  return formatter(zone, { weekday: "short", day: "numeric", month: "short" }).format(new Date(iso));
}
export function time(iso, zone, seconds = false) {
  const options = { hour: "2-digit", minute: "2-digit" };
  if (seconds) options.second = "2-digit";
  return formatter(zone, options).format(new Date(iso));
}

/** "en" → "English"; what is no language code stays as it is. */
export function language(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

export const DISPOSITIONS = {
  answered: "Answered", no_answer: "No answer", busy: "Busy", cancelled: "Cancelled", failed: "Failed",
};

/** What the sides are called: in a recording of one channel nobody knows whose voice is whose. */
export function sides(turns) {
  if (turns?.channels !== 1) return { caller: "Caller", callee: "Callee" };
  return turns.parties.length ? { caller: "Voice A", callee: "Voice B" } : { caller: "Voices", callee: "Voices" };
}

/** "Maria (101)": the tenant's own name for the number, else what the caller says of himself. Control and direction
 *  marks are dropped, long names cut. */
export function party(number, names, said = "") {
  const clean = (names?.[number] || said || "").replace(/[\p{Cc}\p{Cf}]/gu, " ").trim().slice(0, 64);
  return clean && clean !== number ? `${clean} (${number})` : number;
}

/** "Orders (sales)": the tenant's name for a queue. */
export function queue(id, names) {
  return party(id, {}, names?.[`queue:${id}`]);
}
