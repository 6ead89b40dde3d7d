// Lines over time or rounds, by uPlot; colours come from the style sheet, so both schemes fit.

import { byId, el, svg, put, say } from "./text.js";

const all = new Set();
const FONT = "11.5px system-ui, sans-serif";
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of all) chart.rebuild();
});
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) for (const chart of all) if (chart.host === target) chart.fit();
});

const sign = ({ color: name, dash, mark }) =>
  svg("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" },
    mark
      ? svg("path", { d: mark, stroke: color(name), fill: "none", "stroke-width": 1.5 })
      : svg("line", { x1: 0, x2: 22, y1: 4, y2: 4, stroke: color(name), "stroke-width": 2,
                      "stroke-dasharray": dash ? dash.join(" ") : null }));

/**
 * A chart in the element `id`. Lines are {label, color, dash, width, points, fill}; `marks` are keys
 * without values, {label, color, mark}. `draw(u, context, color)` may draw onto it.
 */
export function lineChart(id, options) {
  const host = byId(id);
  const keys = el("div", { class: "keys" });
  const plot = el("div", { class: "chart", role: "img", "aria-label": options.label });
  put(host, keys, plot);
  let data = [[]], lines = [], draw = null, marks = [], u = null;

  const axis = (more) => ({
    stroke: color("--soft"), font: FONT, labelFont: FONT,
    grid: { stroke: color("--grid"), width: 1 }, ticks: { show: false }, ...more,
  });
  const tell = (index) => {
    const at = index ?? data[0].length - 1;
    const values = lines.map((line, i) => {
      const value = data[i + 1]?.[at];
      const text = value === null || value === undefined ? "–" : options.format(value);
      return el("span", {}, sign(line), `${line.label} `, el("b", {}, text));
    });
    const where = at >= 0 ? [el("span", {}, options.at(data[0][at]))] : [];
    put(keys, values, marks.map((mark) => el("span", {}, sign(mark), mark.label)), where);
  };
  const build = () => {
    u?.destroy();
    const series = lines.map((line) => ({
      label: line.label, stroke: color(line.color), width: line.width ?? 1.5, dash: line.dash,
      fill: line.fill ? `${color(line.color)}1f` : undefined, spanGaps: true,
      points: { show: line.points ?? false, size: 5, fill: color(line.color) },
    }));
    u = new uPlot({
      width: Math.max(200, plot.clientWidth), height: options.height ?? 170,
      padding: [10, 8, 0, 0],
      scales: { x: { time: options.time ?? false }, y: { range: options.range } },
      series: [{}, ...series],
      axes: [
        axis({ size: 26, gap: 4, ...options.x }),
        axis({ size: 56, gap: 6, space: 26, values: (_, ticks) => ticks.map(options.tick ?? options.format), ...options.y }),
      ],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      legend: { show: false },
      hooks: {
        draw: [(chart) => draw?.(chart, chart.ctx, color)],
        setCursor: [(chart) => tell(chart.cursor.idx)],
      },
    }, data, plot);
    tell(null);
  };
  const chart = {
    host,
    rebuild: () => { if (lines.length) build(); },
    fit: () => {
      if (u && plot.clientWidth && Math.abs(plot.clientWidth - u.width) > 1) {
        u.setSize({ width: plot.clientWidth, height: u.height });
      }
    },
    /** Show columns, x first; lines that differ from before build it anew. */
    show(columns, given, more = {}) {
      const same = JSON.stringify(given) === JSON.stringify(lines);
      data = columns; lines = given; draw = more.draw ?? null; marks = more.marks ?? [];
      host.hidden = false;
      if (u && same) { u.setData(columns); if (u.cursor.idx == null) tell(null); } else build();
    },
    /** Nothing to show; the text says why. */
    none() { u?.destroy(); u = null; lines = []; host.hidden = true; },
    caption(caption, text) { say(byId(caption), text); plot.setAttribute("aria-label", text); },
  };
  all.add(chart);
  sizes.observe(host);
  return chart;
}

/** A range with a little air, that does not blow noise up; `least` is the least height. */
export const airy = (least) => (_, low, high) => {
  if (low === null || high === null) return [0, 1];
  const room = Math.max(high - low, least) * 0.12;
  const middle = (low + high) / 2, half = Math.max(high - low, least) / 2;
  return [middle - half - room, middle + half + room];
};
export const fromZero = (_, __, high) => [0, high > 0 ? high * 1.12 : 1];
