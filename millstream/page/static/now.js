// What the service does now: the head, the key figures, the round in progress, the flow of records.

import { DASH, brief, byId, bytes, clock, count, duration, el, empty, lasting, moment, percent, plural, put, say, score, sentence, table } from "./text.js";
import { fromZero, lineChart, airy } from "./charts.js";

const STEPS = ["ingest", "trigger", "plan", "test, then train", "checkpoint", "gate, compress, publish", "commit"];
const DOWN = new Set(["idle", "bad"]);
const OLD_S = 5; // a partition of which nothing was told for so long is shown with its age

const lossChart = lineChart("losses", {
  label: "Losses by epoch", height: 150, format: score, range: airy(0.001),
  at: (x) => `epoch ${x}`, x: { incrs: [1, 2, 5, 10, 20, 50, 100] },
});
const timeAxis = {
  values: (_, ticks) => ticks.map((t) => clock(t * 1000).slice(0, 5)),
  incrs: [60, 120, 180, 300, 600], space: 60,
};
const rateChart = lineChart("rate", {
  label: "Records per second", height: 120, time: true, format: count, range: fromZero,
  tick: (value) => brief(value).join(" ").trim(), at: (x) => clock(x * 1000), x: timeAxis,
});
const lagChart = lineChart("lag", {
  label: "Lag in records", height: 100, time: true, format: count, range: fromZero,
  tick: (value) => brief(value).join(" ").trim(), at: (x) => clock(x * 1000), x: timeAxis,
});

export function showHead(state, name) {
  byId("state").className = `state ${state.level}`;
  say(byId("title"), state.title);
  const ended = DOWN.has(state.level) && state.live.updated_ms > 0;
  const detail = ended ? `${state.detail}; last seen ${moment(state.live.updated_ms)}` : state.detail;
  if (byId("detail").textContent !== detail.replaceAll("`", "")) put(byId("detail"), sentence(detail));
  say(byId("name"), name);
  document.title = `${state.title} · ${name}`;
}

function figure(label, [value, unit], under, kind) {
  const big = el("span", { class: `value ${kind ?? ""}` }, value, unit ? el("small", {}, ` ${unit}`) : null);
  return el("div", {}, el("dt", {}, label), el("dd", {}, big, el("div", { class: "under" }, under)));
}

/** The eight numbers that answer most questions. */
export function showFigures(state, rounds, settings, metric) {
  const live = state.live;
  const due = settings?.trigger?.records;
  const last = rounds.at(-1);
  const all = rounds.reduce((sum, r) => ({
    records: sum.records + (r.records ?? 0), bad: sum.bad + (r.bad ?? 0), missing: sum.missing + (r.missing ?? 0),
  }), { records: 0, bad: 0, missing: 0 });
  const champion = championOf(state, rounds);
  const made = rounds.findLast((r) => r.version === champion);
  const scored = rounds.findLast((r) => r.prequential?.learner?.[metric] !== undefined);
  const delay = rounds.findLast((r) => r.event_to_model)?.event_to_model;
  const lagging = live.lag > Math.max(1000, 30 * live.records_per_s) && !DOWN.has(state.level);
  const rate = DOWN.has(state.level) ? null : live.records_per_s;
  const [rateText, rateUnit] = brief(rate === null ? null : Math.round(rate));
  put(byId("figures"),
    figure("Records per second", [rateText, rateUnit], `${count(live.records)} since start`),
    figure("Lag", brief(live.lag), lagWords(state, lagging), lagging ? "is-warn" : ""),
    figure("Waiting", brief(live.pending), due ? `of ${count(due)} for a round` : "for the next round"),
    figure("Champion", champion ? [`v${champion}`, ""] : ["none", ""], made ? `round ${made.round}, ${bytes(made.gzip_bytes)}` : champion ? "" : "no version promoted yet"),
    figure(metric ?? "Score", [scored ? score(scored.prequential.learner[metric]) : DASH, ""], scored ? `round ${scored.round}, before training` : "after the first round"),
    figure("Event to model", delay ? duration(delay.p50_s) : [DASH, ""], delay ? `95${"\u00a0"}% within ${lasting(delay.p95_s)}` : "of the promoted version"),
    figure("Dead letters", brief(all.bad), all.bad ? `${percent(all.bad, all.records)} of all records` : "no bad record", all.bad > 0.1 * all.records ? "is-warn" : ""),
    figure("Gaps", brief(all.missing), all.missing ? "records deleted unread" : "nothing lost", all.missing ? "is-bad" : ""));
}

function lagWords({ live, level }, lagging) {
  if (live.lag === null) return "not known";
  if (DOWN.has(level)) return "when it ended";
  if (lagging && live.records_per_s > 0) return `${lasting(live.lag / live.records_per_s)} at this rate`;
  return live.lag === 0 ? "keeping up" : "records not read yet";
}

/** The version that users pull, as far as is known here. */
export function championOf(state, rounds) {
  return state.rolled_back?.version ?? state.live.champion ?? rounds.findLast((r) => r.promoted)?.version ?? null;
}

const steps = byId("steps");
put(steps, STEPS.map((name) => el("li", {}, name)));

/** Step, epoch and losses of the round in progress; of the last one, `detail`, when there is none. */
export function showRound(state, last, detail) {
  const { live } = state;
  const down = DOWN.has(state.level) || live.step === 0;
  const waiting = live.step <= 1;
  const number = waiting || live.step === 2 ? live.round + 1 : live.round;
  say(byId("round-title"), down ? "No round in progress" : waiting ? `Waiting for round ${number}` : `Round ${number} in progress`);
  [...steps.children].forEach((item, i) => {
    const step = i + 1;
    item.className = !down && step < live.step ? "done" : "";
    if (!down && step === live.step) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  say(byId("step-now"), down ? "" : `Step ${live.step} of 7: ${STEPS[live.step - 1]}`);
  const past = detail?.losses ? Object.values(detail.losses)[0]?.map((_, i) => ({
    epoch: i + 1, losses: Object.fromEntries(Object.entries(detail.losses).map(([name, values]) => [name, values[i]])),
  })) ?? [] : [];
  const isLive = state.curve.length > 0 && !(waiting || down) && detail?.round !== state.curve_round;
  const curve = isLive || !past.length ? state.curve : past, of = isLive || !past.length ? state.curve_round : detail.round;
  const names = curve.length ? Object.keys(curve[0].losses).filter((name) => name.includes("loss")) : [];
  if (!names.length) {
    lossChart.none();
    say(byId("losses-text"), live.round ? "" : "Losses appear here as a round trains.");
    return;
  }
  const columns = [curve.map((c) => c.epoch), ...names.map((name) => curve.map((c) => c.losses[name] ?? null))];
  const lines = names.map((name) => ({
    label: name, color: name.startsWith("val") ? "--champion" : "--accent", points: curve.length < 40,
  }));
  lossChart.show(columns, lines);
  const best = names.find((name) => name.startsWith("val")) ?? names[0];
  const now = curve.at(-1);
  lossChart.caption("losses-text", `Round ${of}: ${plural(now.epoch, "epoch")}, ${best} ${score(now.losses[best])}` +
    (last?.round === of && last.stopped_early ? ", stopped early." : "."));
}

let samples = [[], [], []];

export function setRecent(columns) {
  samples = columns.length ? columns : [[], [], []];
}

/** Throughput and lag of the last minutes, one sample a second. */
export function showFlow(state) {
  const { live } = state;
  const at = live.updated_ms;
  if (live.phase === "running" && at - (samples[0].at(-1) ?? 0) >= 900) {
    samples[0].push(at); samples[1].push(live.records_per_s); samples[2].push(live.lag);
    if (samples[0].length > 900) for (const column of samples) column.shift();
  }
  if (samples[0].length < 2) {
    rateChart.none(); lagChart.none();
    say(byId("flow-text"), DOWN.has(state.level) ? "Nothing is read while no service runs." : "The first seconds are being counted.");
    return;
  }
  const times = samples[0].map((ms) => ms / 1000);
  rateChart.show([times, samples[1]], [{ label: "records per second", color: "--accent", fill: true }]);
  lagChart.show([times, samples[2]], [{ label: "lag, records", color: "--champion", fill: true }]);
  const mean = samples[1].reduce((a, b) => a + b, 0) / samples[1].length;
  const minutes = lasting((samples[0].at(-1) - samples[0][0]) / 1000);
  say(byId("flow-text"), `Over the last ${minutes}: ${count(mean)} records per second on average; lag now ${live.lag === null ? "not known" : count(live.lag)}.`);
}

/** One row for each partition, the one that lags most first. */
export function showPartitions(state) {
  const host = byId("partitions");
  const parts = Object.entries(state.live.partitions ?? {});
  say(byId("partitions-title"), parts.length ? `Partitions (${parts.length})` : "Partitions");
  if (!parts.length) {
    put(host, empty(state.live.phase === "running" ? "Not told yet." : "Told while a service runs."));
    return;
  }
  const most = Math.max(1, ...parts.map(([, p]) => p.lag ?? 0));
  parts.sort((a, b) => (b[1].lag ?? 0) - (a[1].lag ?? 0) || a[0].localeCompare(b[0], "en", { numeric: true }));
  const rows = parts.map(([name, p]) => [
    p.age_s >= OLD_S ? `${name}, ${lasting(p.age_s)} ago` : name, count(p.end), count(p.position), count(p.lag),
    p.records_per_s === undefined || p.records_per_s === null ? DASH : count(p.records_per_s), meter((p.lag ?? 0) / most),
  ]);
  const old = host.querySelector(".scroll");
  const top = old?.scrollTop ?? 0, focused = old !== null && document.activeElement === old;
  put(host, table("Partitions", [["partition", ""], ["end", "num wide"], ["position", "num"], ["lag", "num"], ["per s", "num"], ["", "wide"]], rows, { tall: true }));
  const now = host.querySelector(".scroll");
  now.scrollTop = top;
  if (focused) now.focus({ preventScroll: true });
}

export function meter(share, kind) {
  const bar = el("i", { class: kind });
  bar.style.width = `${Math.max(0, Math.min(100, 100 * share))}%`;
  return el("span", { class: "meter", "aria-hidden": "true" }, bar);
}
