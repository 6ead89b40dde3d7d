// What the rounds came to: scores over rounds, versions, rungs, delays, where time goes, what is lost.

import { DASH, byId, bytes, count, duration, el, empty, lasting, latency, moment, percent, plural, put, say, score, table } from "./text.js";
import { airy, fromZero, lineChart } from "./charts.js";
import { championOf, meter } from "./now.js";

const WHO = {
  learner: { label: "learner", color: "--accent", width: 2, points: true },
  champion: { label: "champion", color: "--champion", width: 1.5, points: true },
  river: { label: "river’s model", color: "--river" },
  majority_class: { label: "majority class", color: "--base", dash: [2, 3] },
  mean: { label: "mean of the labels", color: "--base", dash: [2, 3] },
  no_change: { label: "no change", color: "--base", dash: [7, 4] },
};
const LOWER = new Set(["log_loss", "rmse", "mae"]);
const SHOWN = 12;
const MOST_POINTS = 100; // more would be a band
const roundAxis = { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], values: (_, ticks) => ticks.map((t) => String(t)) };

const quality = lineChart("quality", {
  label: "Scores over rounds", height: 240, format: score, range: airy(0.02), x: roundAxis,
  tick: (v) => (Math.abs(v) >= 100 ? v.toFixed(0) : v.toFixed(2)), at: (x) => `round ${x}`,
});
const delay = lineChart("delay", {
  label: "Event to model over rounds", height: 150, format: lasting, range: fromZero, x: roundAxis,
  y: { incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 864000] }, at: (x) => `round ${x}`,
});

export function metricsOf(rounds) {
  const names = new Set(rounds.flatMap((r) => Object.keys(r.prequential?.learner ?? {})));
  return [...names].sort();
}

/** Prequential scores by round, with drifts and promotions marked, beside the baselines. */
export function showQuality(rounds, metric) {
  const scored = rounds.filter((r) => r.prequential);
  const value = (r, who) => r.prequential[who]?.[metric] ?? null;
  // A certain prediction that is wrong costs without bound; it would flatten all others.
  const shown = Object.keys(WHO).filter((who) => !(who === "no_change" && metric === "log_loss") && scored.some((r) => value(r, who) !== null));
  if (!shown.length) {
    quality.none();
    say(byId("quality-text"), rounds.length ? "No round had a holdout to be scored on." : "The first round is still to come.");
    put(byId("quality-table"));
    return;
  }
  const columns = [scored.map((r) => r.round), ...shown.map((who) => scored.map((r) => value(r, who)))];
  const drifted = scored.filter((r) => r.drift), few = scored.length <= MOST_POINTS;
  const promoted = few ? scored.filter((r) => r.promoted && value(r, "learner") !== null) : [];
  const draw = (u, context, color) => {
    const ratio = devicePixelRatio, { top, height } = u.bbox;
    context.save();
    context.lineWidth = ratio;
    context.strokeStyle = context.fillStyle = color("--bad");
    for (const r of drifted) {
      const x = u.valToPos(r.round, "x", true);
      context.setLineDash([3 * ratio, 3 * ratio]);
      context.beginPath(); context.moveTo(x, top); context.lineTo(x, top + height); context.stroke();
      context.beginPath(); context.moveTo(x - 5 * ratio, top); context.lineTo(x + 5 * ratio, top); context.lineTo(x, top + 7 * ratio); context.fill();
    }
    context.setLineDash([]);
    context.lineWidth = 1.5 * ratio;
    context.strokeStyle = color("--good");
    for (const r of promoted) {
      context.beginPath();
      context.arc(u.valToPos(r.round, "x", true), u.valToPos(value(r, "learner"), "y", true), 5.5 * ratio, 0, 7);
      context.stroke();
    }
    context.restore();
  };
  const marks = [];
  if (promoted.length) marks.push({ label: "promoted", color: "--good", mark: "M11 0a4 4 0 1 0 .01 0z" });
  if (drifted.length) marks.push({ label: "drift", color: "--bad", mark: "M11 -2v12M7 -2h8l-4 5z" });
  quality.show(columns, shown.map((who) => ({ ...WHO[who], points: scored.length === 1 || (few && WHO[who].points) })), { draw, marks });
  quality.caption("quality-text", describe(scored, metric, value, drifted));
  const rows = scored.toReversed().map((r) => [
    String(r.round), ...shown.map((who) => score(value(r, who))), r.promoted ? "promoted" : "", r.drift ?? "",
  ]);
  put(byId("quality-table"), table(`Prequential ${metric}`, [["round", "num"], ...shown.map((who) => [WHO[who].label, "num"]), ["", ""], ["drift", ""]], rows, { tall: true }));
}

function describe(scored, metric, value, drifted) {
  const known = scored.filter((r) => value(r, "learner") !== null);
  if (!known.length) return "";
  const last = known.at(-1), best = known.reduce((a, b) => ((LOWER.has(metric) ? value(a, "learner") <= value(b, "learner") : value(a, "learner") >= value(b, "learner")) ? a : b));
  const drift = drifted.length ? ` Drift found in ${drifted.length === 1 ? "round" : "rounds"} ${drifted.map((r) => r.round).slice(-8).join(", ")}.` : "";
  return `${metric} of the learner over rounds ${known[0].round} to ${last.round}: ${score(value(last, "learner"))} in the last, best ${score(value(best, "learner"))} in round ${best.round}${LOWER.has(metric) ? " (less is better)" : ""}.${drift}`;
}

const GROUPS = {
  "trigger-idle": ["waiting for records", ["wait"]],
  "broker-bound": ["waiting for the broker", ["broker"]],
  "decode-bound": ["reading records", ["decode", "cut"]],
  "input-bound": ["preparing batches", ["input", "prepare"]],
  "compute-bound": ["the model", ["step", "validation", "test", "compile", "other"]],
  "publish-bound": ["writing and publishing", ["export", "gate", "register", "checkpoint", "plan"]],
};
let more = SHOWN;

/** The newest rounds, with what each was made of and what became of it. */
export function showVersions(state, rounds, metric, loadOlder, choose) {
  const host = byId("versions");
  if (!rounds.length) {
    put(host, empty("No round has ended yet. Each one leaves a version here, promoted or with the reason why not."));
    return;
  }
  const champion = championOf(state, rounds);
  const list = rounds.toReversed().slice(0, more);
  const columns = [["round", "num"], ["began", "nowrap"], ["records", "num wide"], ["bad", "num wide"], ["epochs", "num wide"], [`${metric ?? "score"} before`, "num"], [`${metric ?? "score"} of the version`, "num wide"], ["size", "num wide"], ["rung", "wide"], ["version", "num"], ["promoted, or why not", ""]];
  const rows = list.map((r) => (r.error ? [String(r.round), ...Array(9).fill(""), el("span", { class: "fault" }, r.error)] : [
    String(r.round), moment(r.created_ms), count(r.records), count(r.bad), `${r.epochs ?? DASH}${r.stopped_early ? "*" : ""}`,
    score(r.prequential?.learner?.[metric]), score(r.scores?.[metric]), bytes(r.gzip_bytes), r.rung ?? DASH,
    r.version ? versionButton(r, choose) : DASH, fate(r, champion),
  ]));
  const classes = list.map((r) => (r.version && r.version === champion ? "champion" : ""));
  const parts = [table("Rounds and versions", columns, rows, { classes, kind: "reflow" })];
  const notes = list.some((r) => r.stopped_early) ? "* stopped early. " : "";
  parts.push(el("p", { class: "note wide" }, `${notes}Size: as it is stored and pulled (gzip).`));
  if (rounds.length > more || rounds[0].round > 1) {
    const button = el("button", { type: "button" }, "Show earlier rounds");
    button.addEventListener("click", async () => {
      more += 50;
      if (more > rounds.length && rounds[0].round > 1) await loadOlder();
      else showVersions(state, rounds, metric, loadOlder, choose);
    });
    parts.push(button);
  }
  const held = host.contains(document.activeElement) ? document.activeElement.textContent : null;
  put(host, parts);
  if (held !== null) [...host.querySelectorAll("button")].find((b) => b.textContent === held)?.focus({ preventScroll: true });
}

function versionButton(r, choose) {
  const button = el("button", { type: "button", class: "link-like", title: `Show the rungs of v${r.version}` }, `v${r.version}`);
  button.addEventListener("click", () => { choose(r.round); byId("rungs-title").scrollIntoView(); });
  return button;
}

function fate(r, champion) {
  const tags = [];
  if (r.version && r.version === champion) tags.push(el("span", { class: "tag champion" }, "champion"), " ");
  if (r.drift) tags.push(el("span", { class: "tag drift", title: r.drift }, "drift"), " ");
  const why = r.failed ?? r.untrained;
  if (why) return [tags, el("span", { class: "is-warn" }, `not trained: ${why}`)];
  if (r.published === false) return [tags, el("span", { class: "dim" }, "not published yet")];
  return [tags, el("span", { class: r.promoted ? "" : "dim" }, `${r.promoted ? "yes" : "no"}: ${r.reason ?? ""}`)];
}

/** The verdict of the last round that has one, and the seconds of the last round by part. */
export function showObstacle(rounds) {
  const judged = rounds.findLast((r) => r.verdict);
  const verdict = judged?.verdict;
  if (verdict) {
    put(byId("verdict"),
      el("p", { class: "verdict" }, el("b", {}, verdict.bound ?? ""), String(verdict.sentence ?? "").replace(verdict.bound ?? "", "")),
      el("p", { class: "note" }, `Round ${judged.round}. `, verdict.setting ? ["The setting: ", el("code", {}, verdict.setting), "."] : null));
  } else {
    put(byId("verdict"), empty(rounds.length ? "The rounds so far have no verdict." : "The first round will tell."));
  }
  const last = judged ?? rounds.findLast((r) => Object.keys(r.seconds ?? {}).length);
  if (!last) return put(byId("seconds"));
  return put(byId("seconds"), secondsTable(last, verdict?.bound));
}

const known = new Set(Object.values(GROUPS).flatMap(([, parts]) => parts));

/** What a round's seconds went into, by what it can be bound by. */
function secondsTable(round, bound) {
  const total = Object.values(round.seconds).reduce((sum, s) => sum + s, 0);
  const others = Object.keys(round.seconds).filter((part) => !known.has(part));
  const groups = Object.entries({ ...GROUPS, "": ["other", others] }).map(([name, [label, parts]]) => {
    const inside = parts.map((part) => [part, round.seconds[part] ?? 0]).filter(([, s]) => s > 0).sort((a, b) => b[1] - a[1]);
    return { name, label, inside, sum: inside.reduce((sum, [, s]) => sum + s, 0) };
  }).filter(({ sum }) => sum > 0);
  const rows = groups.map(({ name, label, inside, sum }) => {
    const told = inside.filter(([, s]) => s >= 0.02 * sum).map(([part, s]) => `${part} ${lasting(s)}`).join(", ");
    const bar = meter(sum / total, name === bound ? "" : "quiet");
    return [[label, inside.length > 1 ? el("small", {}, told) : null], lasting(sum), `${Math.round((100 * sum) / total)}\u00a0%`, bar];
  });
  return table(`Seconds of round ${round.round}`, [[`round ${round.round} took`, ""], [lasting(total), "num"], ["", "num"], ["", ""]], rows);
}

export function showDelay(rounds) {
  const known = rounds.filter((r) => r.event_to_model);
  if (!known.length) {
    delay.none();
    say(byId("delay-text"), rounds.length ? "No version has told yet how old its records were when it was promoted." : "Told once a version has been promoted.");
    return;
  }
  delay.show([known.map((r) => r.round), known.map((r) => r.event_to_model.p50_s), known.map((r) => r.event_to_model.p95_s)],
    [{ label: "median", color: "--accent", width: 2, points: true }, { label: "95 %", color: "--base", dash: [7, 4], points: true }]);
  const { p50_s: p50, p95_s: p95, note } = known.at(-1).event_to_model;
  delay.caption("delay-text", `From a record’s timestamp to the version that has learned it: median ${lasting(p50)}, 95 % within ${lasting(p95)}, in round ${known.at(-1).round}.${note ? ` ${note}` : ""}`);
}

/** Dead letters by reason, and what the broker deleted before it was read; over the rounds shown. */
export function showLost(rounds) {
  const kinds = new Map();
  for (const r of rounds) for (const [kind, n] of Object.entries(r.kinds ?? {})) {
    const before = kinds.get(kind) ?? [0, 0];
    kinds.set(kind, [before[0] + n, r.round]);
  }
  const all = rounds.reduce((sum, r) => sum + (r.records ?? 0), 0);
  const sorted = [...kinds].sort((a, b) => b[1][0] - a[1][0]);
  put(byId("letters"), sorted.length
    ? [table("Dead letters by reason", [["reason", ""], ["letters", "num"], ["of all", "num"], ["last in round", "num"]],
        sorted.map(([kind, [n, last]]) => [kind.replaceAll("_", " "), count(n), percent(n, all), String(last)])),
      el("p", { class: "note" }, "Each with its record and reason: ", el("code", {}, "millstream dead-letters"))]
    : empty(rounds.length ? "Every record could be read." : "None yet."));
  const gaps = rounds.toReversed().flatMap((r) => (r.gaps ?? []).map((gap) => [r.round, gap])).slice(0, 50);
  put(byId("gaps"), gaps.length
    ? table("Gaps", [["partition", ""], ["offsets", "num"], ["records", "num"], ["round", "num"]],
        gaps.map(([round, [topic, partition, start, end]]) => [`${topic}[${partition}]`, `${count(start)} – ${count(end - 1)}`, count(end - start), String(round)]), { tall: true })
    : empty(rounds.length ? "The rounds cover every offset: nothing was deleted before it was read." : "None yet."));
}
