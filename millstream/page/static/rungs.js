// The rungs of one version: what each costs and scores, as two pictures and a table.

import { DASH, byId, bytes, el, empty, latency, put, say, score, svg, table } from "./text.js";

const HEIGHT = 290, LEFT = 52, RIGHT = 16, TOP = 26, BOTTOM = 40;
const MARKS = {
  chosen: (x, y) => svg("path", { class: "chosen", d: `M${x} ${y - 6}l6 6-6 6-6-6z` }),
  passed: (x, y) => svg("circle", { class: "passed", cx: x, cy: y, r: 4 }),
  refused: (x, y) => svg("path", { class: "refused", d: `M${x - 4} ${y - 4}l8 8m0-8l-8 8` }),
};
let WIDTH = 560; // as wide as there is room, so that text has its size
let again = () => {};
new ResizeObserver(() => {
  if (Math.abs(roomFor() - WIDTH) > 8) again();
}).observe(byId("pareto"));

function roomFor() {
  const host = byId("pareto"), columns = getComputedStyle(host).gridTemplateColumns.split(" ");
  return Math.max(280, Math.round(parseFloat(columns[0]) || host.clientWidth));
}

const kindOf = (rung) => (rung.chosen ? "chosen" : rung.refused ? "refused" : "passed");

/** All of a round's rungs; `lower` says that less of the metric is better. */
export function showRungs(round, metric, lower) {
  const rungs = round?.rungs ?? [];
  again = () => showRungs(round, metric, lower);
  WIDTH = roomFor();
  say(byId("rungs-title"), rungs.length ? `Rungs of v${round.version}, round ${round.round}` : "Rungs");
  if (!rungs.length) {
    say(byId("rungs-note"), "");
    put(byId("pareto"));
    put(byId("rungs"), empty("Told of the newest version: each rung’s size, latency and score."));
    return;
  }
  const scored = rungs.filter((r) => r.scores?.[metric] !== undefined);
  say(byId("rungs-note"), `◆ shipped, ● within the limits, × refused. The line joins those that no other beats in both.`);
  const panels = [panel(scored, metric, lower, "packed size, kB", (r) => r.gzip_bytes / 1000)];
  const timed = scored.filter((r) => r.latency_ms?.["1"] !== undefined);
  if (timed.length) panels.push(panel(timed, metric, lower, "time of one row, µs", (r) => r.latency_ms["1"] * 1000));
  put(byId("pareto"), panels);
  const rows = rungs.map((r) => (r.skipped ? [r.rung, DASH, DASH, DASH, DASH, `skipped: ${r.skipped}`] : [
    r.rung, bytes(r.gzip_bytes), bytes(r.bytes), latency(r.latency_ms?.["1"]), score(r.scores?.[metric]),
    r.chosen ? el("b", {}, "shipped") : r.refused ? `refused: ${r.refused}` : "passed",
  ]));
  put(byId("rungs"), table("Rungs", [["rung", ""], ["packed", "num"], ["unpacked", "num wide"], ["one row", "num"], [metric, "num"], ["", ""]], rows, { kind: "reflow named" }));
}

function panel(rungs, metric, lower, label, cost) {
  const points = rungs.map((r) => ({ name: r.rung, x: cost(r), y: r.scores[metric], kind: kindOf(r) }));
  const most = 1.12 * Math.max(...points.map((p) => p.x));
  const ys = points.map((p) => p.y);
  const room = Math.max(Math.max(...ys) - Math.min(...ys), 1e-3) * 0.18;
  const [low, high] = [Math.min(...ys) - room, Math.max(...ys) + room];
  const px = (x) => LEFT + (x / most) * (WIDTH - LEFT - RIGHT);
  const share = (y) => (y - low) / (high - low);
  const py = (y) => TOP + (lower ? share(y) : 1 - share(y)) * (HEIGHT - TOP - BOTTOM);
  const digits = Math.max(2, Math.ceil(-Math.log10((high - low) / 4)) );
  const parts = [];
  for (const y of ticks(low, high, 4)) {
    parts.push(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: py(y), y2: py(y) }),
      svg("text", { x: LEFT - 8, y: py(y) + 4, "text-anchor": "end" }, y.toFixed(digits)));
  }
  for (const x of ticks(0, most, 6)) {
    parts.push(svg("text", { x: px(x), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, String(Number(x.toPrecision(6)))));
  }
  parts.push(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }),
    svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, label), svg("text", { x: LEFT, y: 12 }, metric));
  const front = points.filter((p) => !points.some((q) => q !== p && q.x <= p.x && (lower ? q.y <= p.y : q.y >= p.y) && (q.x < p.x || q.y !== p.y)));
  front.sort((a, b) => a.x - b.x);
  parts.push(svg("polyline", { class: "front", points: front.map((p) => `${px(p.x)},${py(p.y)}`).join(" ") }));
  const drawn = points.map((p) => ({ ...p, cx: px(p.x), cy: py(p.y) }));
  parts.push(drawn.map((p) => MARKS[p.kind](p.cx, p.cy)), names(drawn));
  const told = points.map((p) => `${p.name} ${p.x.toPrecision(3)}, ${score(p.y)}`).join("; ");
  return el("figure", {}, svg("svg", { class: "pareto", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${metric} over ${label}: ${told}` }, parts));
}

/** Names beside their points, each moved down until it covers no other name or point. */
function names(points) {
  const taken = points.map((p) => [p.cx - 6, p.cy - 6, p.cx + 6, p.cy + 6]);
  const free = (box) => !taken.some(([a, b, c, d]) => box[0] < c && box[2] > a && box[1] < d && box[3] > b);
  return points.toSorted((a, b) => a.cy - b.cy || a.cx - b.cx).map((p) => {
    const width = 6.2 * p.name.length;
    const spots = [0, -14, 14, -28, 28, -42, 42, 56, 70, 84].flatMap((dy) => [[9, dy, "start"], [-9, dy, "end"]]);
    for (const [dx, dy, anchor] of spots) {
      const x = p.cx + dx, y = p.cy + dy + 4, left = anchor === "start" ? x : x - width;
      const box = [left, y - 11, left + width, y + 3];
      if (left < LEFT || left + width > WIDTH || box[1] < 0 || box[3] > HEIGHT - BOTTOM || !free(box)) continue;
      taken.push(box);
      const line = Math.abs(dy) > 14 ? svg("line", { class: "leader", x1: p.cx, y1: p.cy, x2: x, y2: y - 4 }) : null;
      return [line, svg("text", { class: "name", x, y, "text-anchor": anchor }, p.name)];
    }
    return null; // the table has it
  });
}

function ticks(low, high, about) {
  const raw = (high - low) / about, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) found.push(t);
  return found;
}
