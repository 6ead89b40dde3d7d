// Elements and numbers as text. Whatever comes from a stream, a configuration or a registry goes
// through here and becomes text: nothing is ever parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

export const el = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

/** Replace what a node holds. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
}

/** Replace a text only if it differs, so that screen readers and selections are left alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const DASH = "–";
const NARROW = "\u00a0"; // a number and its unit stay on one line
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (value) => (known(value) ? whole.format(value) : DASH);

/** A count in at most five characters, for figures: 1,234 or 45.1 k or 1.29 M. */
export function brief(value) {
  if (!known(value)) return [DASH, ""];
  const size = Math.abs(value);
  if (size < 10_000) return [whole.format(value), ""];
  const [divisor, unit] = size < 1e6 ? [1e3, "k"] : size < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return [(value / divisor).toPrecision(3), unit];
}

export function score(value) {
  if (!known(value)) return DASH;
  return Math.abs(value) >= 100 ? value.toPrecision(5) : value.toFixed(4);
}

export function bytes(value) {
  if (!known(value)) return DASH;
  if (value < 1000) return `${value}${NARROW}B`;
  const [divisor, unit] = value < 1e6 ? [1e3, "kB"] : value < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
  const digits = value / divisor < 10 ? 2 : value / divisor < 100 ? 1 : 0;
  return `${(value / divisor).toFixed(digits)}${NARROW}${unit}`;
}

/** Seconds as a number and its unit. */
export function duration(seconds) {
  if (!known(seconds)) return [DASH, ""];
  if (seconds === 0) return ["0", "s"];
  if (seconds < 0.0995) return [(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0), "ms"];
  if (seconds < 99.5) return [seconds.toFixed(seconds < 9.95 ? 1 : 0), "s"];
  if (seconds < 5970) return [(seconds / 60).toFixed(seconds < 597 ? 1 : 0), "min"];
  if (seconds < 172_800) return [(seconds / 3600).toFixed(1), "h"];
  return [(seconds / 86_400).toFixed(1), "d"];
}
export const lasting = (seconds) => duration(seconds).join(NARROW).trim();

/** One row's latency, given in milliseconds. */
export function latency(ms) {
  if (!known(ms)) return DASH;
  return ms < 1 ? `${(ms * 1000).toPrecision(3)} µs` : `${ms.toPrecision(3)} ms`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const clock = (ms) => (ms > 0 ? clockFormat.format(ms) : DASH);
export function moment(ms) {
  if (!(ms > 0)) return DASH;
  const short = clockFormat.format(ms).slice(0, 5);
  const today = new Date().toDateString() === new Date(ms).toDateString();
  return today ? short : `${dayFormat.format(ms)} ${short}`;
}

export const percent = (part, of) => (of > 0 ? `${((100 * part) / of).toPrecision(2)}${NARROW}%` : "");
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A table: columns are [title, class]; a row is a list of cells, the first one its heading. */
export function table(label, columns, rows, { tall = false, classes = [], kind: look } = {}) {
  // The roles are told, as a narrow screen lays rows out as a grid, which would take them away.
  const cell = (value, i) =>
    i ? el("td", { class: columns[i][1], role: "cell" }, value)
      : el("th", { class: columns[i][1], scope: "row", role: "rowheader" }, value);
  const head = columns.map(([title, kind]) => el("th", { scope: "col", class: kind, role: "columnheader" }, title));
  const body = rows.map((row, r) => el("tr", { class: classes[r], role: "row" }, row.map(cell)));
  const whole = el("table", { class: look, role: "table" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)), el("tbody", { role: "rowgroup" }, body));
  const kind = tall ? "scroll tall" : "scroll";
  return el("div", { class: kind, role: "region", "aria-label": label, tabindex: "0" }, whole);
}

/** A sentence in which `commands` stand between backticks. */
export const sentence = (text) =>
  text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

export const empty = (text) => el("p", { class: "empty" }, text);
