// The configuration in force, by section; what the file does not give is grey.

import { byId, clock, el, empty, moment, put } from "./text.js";

const ORDER = ["kafka", "format", "schema", "sample", "history", "augment", "train", "trigger", "drift", "prequential", "gate", "compress", "registry", "service", "page"];
const place = ([name]) => (ORDER.indexOf(name) + 1 || 99);
let all = false, last = null;

const plain = (value) => {
  if (value === null) return "none";
  if (Array.isArray(value)) return value.length ? value.map(plain).join(", ") : "none";
  if (typeof value === "object") {
    const parts = Object.entries(value).filter(([, v]) => v !== null);
    return parts.length ? parts.map(([k, v]) => `${k} ${plain(v)}`).join(", ") : "none";
  }
  return String(value);
};

/** What came of the last reload, in sentences. */
export function reloaded(reload) {
  if (!reload) return [];
  const at = moment(reload.at_ms);
  if (reload.refused) return [`Not reloaded ${at}, all stays as it was: ${reload.refused}.`];
  const changed = Object.entries(reload.applied).map(([name, [from, to]]) => `${name} ${plain(from)} → ${plain(to)}`);
  return [
    changed.length ? `Reloaded ${at}: ${changed.join("; ")}.` : `Read again ${at}: nothing that reloads has changed.`,
    reload.held.length ? `Needs a restart, stays as it was: ${reload.held.join(", ")}.` : "",
  ].filter(Boolean);
}

/** Draw the settings again if another reload is the last one. */
export function noteReload(config, reload) {
  if (JSON.stringify(reload) === JSON.stringify(last)) return;
  last = reload;
  if (config) showSettings(config);
}

export function showSettings(config) {
  if (!config) {
    put(byId("settings"), empty("A service leaves its configuration here when it starts, without the secrets."));
    return;
  }
  const given = new Set(config.given ?? []);
  const sections = Object.entries(config.settings).sort((a, b) => place(a) - place(b)).map(([name, section]) => {
    const every = Object.entries(section ?? {}).flatMap(([key, value]) => {
      if (name === "schema" && key === "features") {
        return Object.entries(value).map(([field, spec]) => [field, field_of(spec), true]);
      }
      return [[key, plain(value), given.has(`${name}.${key}`)]];
    });
    const rows = every.filter(([, , isGiven]) => all || isGiven);
    return rows.length ? el("div", {}, el("h3", {}, `[${name}]`), el("dl", {}, rows.map(([key, value, isGiven]) =>
      [el("dt", {}, key), el("dd", { class: isGiven ? null : "default" }, value)]))) : null;
  });
  const toggle = el("button", { type: "button" }, all ? "Hide the defaults" : "Show the defaults, too");
  toggle.addEventListener("click", () => {
    all = !all;
    showSettings(config);
    byId("settings").querySelector("button").focus();
  });
  put(byId("settings"), el("p", { class: "note" }, `In force since ${moment(config.written_ms)} (millstream ${config.millstream}). Secrets are not kept here.`), reloaded(last).map((text) => el("p", { class: "note" }, text)), el("div", { class: "settings" }, sections.filter(Boolean)), toggle);
}

function field_of(spec) {
  const { type, ...rest } = typeof spec === "object" && spec !== null ? spec : { type: spec };
  const told = Object.entries(rest).filter(([, v]) => v !== null && v !== false && !(Array.isArray(v) && !v.length));
  return [type, ...told.map(([k, v]) => (v === true ? k : `${k} ${plain(v)}`))].join(", ");
}
