// What a viewer with the token may do. The token stays in this tab, and goes out in a header only.

import { byId, el, put, say } from "./text.js";
import { reloaded } from "./settings.js";

const KEY = "millstream.token";
const dialog = byId("actions"), told = byId("told");
let pipeline = 0, paused = false;

async function post(name, body) {
  const answer = await fetch(`/api/actions/${name}`, {
    method: "POST", cache: "no-store", body: JSON.stringify({ pipeline, ...body }),
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem(KEY)}` },
  });
  const value = await answer.json();
  if (answer.status === 401) lock();
  if (!answer.ok) throw new Error(value.error ?? answer.statusText);
  return value.told;
}

async function act(button, name, body = {}) {
  button.disabled = true;
  tell("…", false);
  try {
    tell(await post(name, body), false);
    return true;
  } catch (error) {
    tell(error.message, true);
    return false;
  } finally {
    button.disabled = false;
  }
}

function tell(text, isFault) {
  told.className = isFault ? "fault" : "";
  say(told, text);
}

function lock() {
  sessionStorage.removeItem(KEY);
  show();
}

function show() {
  const has = sessionStorage.getItem(KEY) !== null;
  byId("unlock").hidden = has;
  byId("unlocked").hidden = !has;
}

/** What the dialog offers, for the pipeline that is shown. */
export function offer(state, rounds, champion) {
  pipeline = state.pipeline;
  paused = state.paused !== null;
  say(byId("do-pause"), paused ? "Resume" : "Pause");
  say(byId("pause-note"), paused
    ? `Paused${state.paused.who ? ` by ${state.paused.who}` : ""}. Rounds begin again by their triggers.`
    : "No round begins until it is resumed, also through restarts; one in progress ends as always, and records are read on.");
  say(byId("reload-note"), reloaded(state.reload).join(" "));
  const versions = rounds.filter((r) => r.version && r.version !== champion).toReversed().slice(0, 100);
  const select = byId("version"), key = versions.map((r) => r.version).join();
  if (select.dataset.key !== key) {
    const chosen = select.value;
    put(select, versions.map((r) => el("option", { value: r.version }, `v${r.version}, round ${r.round}${r.promoted ? ", was promoted" : ""}`)));
    if (versions.some((r) => String(r.version) === chosen)) select.value = chosen;
    select.dataset.key = key;
  }
  byId("do-rollback").hidden = !versions.length;
}

export function startActions(tokenFile) {
  byId("act").hidden = false;
  say(byId("token-note"), `It is in ${tokenFile}, on the machine that serves this page.`);
  byId("act").addEventListener("click", () => { tell("", false); show(); dialog.showModal(); });
  byId("close-actions").addEventListener("click", () => dialog.close());
  byId("lock").addEventListener("click", lock);
  byId("unlock").addEventListener("submit", async (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, byId("token").value.trim());
    byId("token").value = "";
    if (await act(event.submitter ?? event.target.querySelector("button"), "check")) { show(); byId("do-trigger").focus(); }
    else lock();
  });
  byId("do-trigger").addEventListener("click", (event) => act(event.currentTarget, "trigger"));
  byId("do-pause").addEventListener("click", (event) => act(event.currentTarget, paused ? "resume" : "pause"));
  byId("do-reload").addEventListener("click", (event) => act(event.currentTarget, "reload"));
  byId("do-rollback").addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    act(button, "rollback", { version: Number(byId("version").value), reason: byId("reason").value });
  });
}
