// The page: what is known, and which part of it is drawn anew when something comes.

import { byId, clock, el, put, say } from "./text.js";
import { follow, get } from "./feed.js";
import { championOf, setRecent, showFigures, showFlow, showHead, showPartitions, showRound } from "./now.js";
import { metricsOf, showDelay, showLost, showObstacle, showQuality, showVersions } from "./rounds.js";
import { showRungs } from "./rungs.js";
import { noteReload, showSettings } from "./settings.js";
import { offer, startActions } from "./actions.js";

const LOWER = new Set(["log_loss", "rmse", "mae"]);
const states = [], names = [];
let shown = Number(new URLSearchParams(location.search).get("pipeline") ?? 0) || 0;
let rounds = new Map(), config = null, detail = null, wanted = null, chosen = null, metric = null, ready = false, newestDetail = null;

const list = () => [...rounds.values()].sort((a, b) => a.round - b.round);

function showState() {
  const state = states[shown];
  if (!state) return;
  const every = list();
  showHead(state, names[shown] ?? "");
  showFigures(state, every, config?.settings, metric);
  showRound(state, every.at(-1), newestDetail);
  showFlow(state);
  showPartitions(state);
  offer(state, every, championOf(state, every));
  noteReload(config, state.reload);
  say(byId("foot"), [state.live.kafka && `Kafka ${state.live.kafka}`, state.live.registry && `MLflow ${state.live.registry}`, `state in ${state.folder}`].filter(Boolean).join(" · "));
}

function showRounds() {
  const every = list();
  const metrics = metricsOf(every), usual = config?.metric;
  if (!metrics.includes(metric)) metric = metrics.includes(usual) ? usual : metrics.find((m) => ["auc", "accuracy", "rmse"].includes(m)) ?? metrics[0] ?? usual ?? null;
  showMetrics(metrics);
  showQuality(every, metric);
  showVersions(states[shown] ?? { live: {} }, every, metric, loadOlder, choose);
  showObstacle(every);
  showDelay(every);
  showLost(every);
  showRungs(detail, metric, LOWER.has(metric));
  const newest = every.findLast((r) => r.epochs);
  if (newest && newest.round !== newestDetail?.round) loadNewest(newest.round);
  const shipped = chosen ?? every.findLast((r) => r.version)?.round;
  if (shipped && shipped !== wanted) loadDetail(shipped);
}

function showMetrics(metrics) {
  const host = byId("metrics");
  if (host.dataset.key === metrics.join()) {
    for (const button of host.children) button.setAttribute("aria-pressed", button.textContent === metric);
    return;
  }
  host.dataset.key = metrics.join();
  put(host, metrics.map((name) => {
    const button = el("button", { type: "button", "aria-pressed": String(name === metric) }, name);
    button.addEventListener("click", () => { metric = name; showRounds(); showState(); });
    return button;
  }));
}

async function loadDetail(number) {
  wanted = number;
  const pipeline = shown;
  try {
    const found = await get(`/api/rounds/${number}?pipeline=${pipeline}`);
    if (pipeline !== shown || wanted !== number) return;
    detail = found;
    showRungs(detail, metric, LOWER.has(metric));
  } catch {
    wanted = null; // tried again with the next round, or when the page is connected again
  }
}

async function loadNewest(number) {
  newestDetail = { round: number };
  const pipeline = shown;
  try {
    const found = await get(`/api/rounds/${number}?pipeline=${pipeline}`);
    if (pipeline === shown) newestDetail = found;
    showState();
  } catch {
    newestDetail = null;
  }
}

function choose(number) {
  chosen = number;
  loadDetail(number);
}

async function loadOlder() {
  const first = list()[0]?.round ?? 1;
  const found = await get(`/api/rounds?pipeline=${shown}&before=${first}`);
  for (const round of found.rounds) rounds.set(round.round, round);
  showRounds();
}

async function reload() {
  const pipeline = shown;
  try {
    const [all, recent, settings, told] = await Promise.all([
      get(`/api/rounds?pipeline=${pipeline}`), get(`/api/recent?pipeline=${pipeline}`),
      get(`/api/config?pipeline=${pipeline}`), get("/api/state"),
    ]);
    if (pipeline !== shown) return;
    names.splice(0, names.length, ...told.names);
    for (const round of all.rounds) rounds.set(round.round, round);
    setRecent(recent.columns);
    config = settings.config;
    wanted = null;
    if (told.can_act && !ready) startActions(told.token_file);
    ready = true;
    showPipelines();
    showSettings(config);
    showRounds();
    showState();
  } catch (error) {
    link(false, `Something could not be read: ${error.message}.`);
  }
}

const titleOf = (i) => `${names[i]}: ${states[i]?.title ?? ""}`;

function showPipelines() {
  const select = byId("pipelines");
  select.parentElement.hidden = names.length < 2;
  byId("name").hidden = names.length > 1;
  put(select, names.map((_, i) => el("option", { value: i, selected: i === shown }, titleOf(i))));
}

function show(pipeline) {
  shown = pipeline;
  history.replaceState(null, "", `?pipeline=${shown}`);
  rounds = new Map(); config = null; detail = newestDetail = null; wanted = chosen = null; metric = null;
}

byId("pipelines").addEventListener("change", (event) => {
  show(Number(event.target.value));
  reload();
});

function link(ok, why) {
  const at = states[shown]?.live?.updated_ms;
  say(byId("link"), ok ? "live" : "not connected");
  const notice = byId("notice");
  notice.hidden = ok;
  document.body.classList.toggle("stale", !ok);
  if (!ok) say(notice, `${why} What is shown is of ${clock(at || Date.now())}; it goes on by itself once there is an answer.`);
}

follow({
  link,
  reload,
  begin(found) {
    // Fewer than there were, or than somebody's address says.
    if (!found[shown]) show(0);
    states.splice(0, states.length, ...found);
    showState();
  },
  states(found) {
    for (const state of found) {
      const before = states[state.pipeline];
      states[state.pipeline] = state;
      if (state.pipeline !== shown) continue;
      if (ready && before && before.settings_ms !== state.settings_ms) reload();
      else if (before && JSON.stringify([before.live.champion, before.rolled_back]) !== JSON.stringify([state.live.champion, state.rolled_back])) showRounds();
    }
    for (const option of byId("pipelines").options) say(option, titleOf(option.value));
    if (found.some((state) => state.pipeline === shown)) showState();
  },
  round(pipeline, round) {
    if (pipeline !== shown) return;
    rounds.set(round.round, round);
    showRounds();
    showState();
  },
});
