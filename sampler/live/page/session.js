// One session: the matrix of columns, the curve of confidence, its members.

import { LOOKS, bytes, chance, clock, drawn, facts, make, seconds, shortId } from "./figures.js";

const COLUMNS = 128;
const DATA_COLUMNS = 64;
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [360, 170, 62, 8, 12, 22];

const byId = (id) => document.getElementById(id);
const cells = [];

export function prepareMatrix() {
  for (let column = 0; column < COLUMNS; column += 1) {
    const cell = make("div", { class: "cell", "data-state": "none" }, make("i"));
    if (column >= DATA_COLUMNS && column < DATA_COLUMNS + 16) cell.classList.add("parity");
    cells.push(cell);
  }
  byId("matrix").append(...cells);
  drawMatrix([]);
}

export function drawSession(session, now) {
  const title = byId("session-title");
  title.replaceChildren(
    "Blob ", make("span", { class: "id", title: session.blob_id }, shortId(session.blob_id)),
    session.label ? ` ${session.label}` : "",
  );
  const stage = byId("stage");
  stage.dataset.state = LOOKS[session.stage] ?? "none";
  stage.textContent = session.stage;
  drawTime(session, now);
  drawMatrix(session.columns);
  byId("matrix-caption").textContent =
    `Columns (above data, below parity), sampled by ${session.unit}`;
  drawMembers(session.members);
}

// What changes by the clock alone.
export function drawTime(session, now) {
  drawFigures(session, now);
  drawCurve(session, now);
}

function drawFigures(session, now) {
  const end = session.ended_at ?? now;
  const left = session.deadline_at - now;
  facts(byId("figures"), [
    ["bound reached", chance(session.error)],
    ["wanted", chance(session.wanted)],
    [`${session.unit} held`, `${session.needed_held} of ${session.needed}`],
    ["to the deadline", session.ended_at !== null ? "over" : left > 0 ? seconds(left) : "due"],
    ["taken", seconds(end - session.began_at)],
    ["rule", session.rule],
    ["payload", bytes(session.payload_bytes)],
    ...(session.left_out.length ? [["without members", session.left_out.join(", ")]] : []),
    ...(session.rounds ? [["rounds among controls", `${session.rounds}`]] : []),
  ]);
}

function drawMatrix(columns) {
  const known = new Map(columns.map((one) => [one[0], one]));
  const totals = { held: 0, lost: 0, asked: 0 };
  cells.forEach((cell, column) => {
    const [, asked, held, lost] = known.get(column) ?? [column, 0, 0, 0];
    const state = !asked ? "none" : lost ? "lost" : held === asked ? "held" : "asked";
    if (state !== "none") totals[state] += 1;
    cell.dataset.state = state;
    cell.firstChild.style.height = asked ? `${Math.round((100 * held) / asked)}%` : "0";
    cell.title = asked
      ? `column ${column}: ${held} of ${asked} held${lost ? `, ${lost} look lost` : ""}`
      : `column ${column}: not asked of`;
  });
  byId("matrix").setAttribute(
    "aria-label",
    `128 columns: ${totals.held} with all held that is asked of them, ${totals.asked} waited for, ` +
      `${totals.lost} that lack something, ${COLUMNS - totals.held - totals.asked - totals.lost} not asked of`,
  );
}

function drawCurve(session, now) {
  const svg = byId("curve");
  const endMs = 1000 * ((session.ended_at ?? now) - session.began_at);
  const deadlineMs = 1000 * (session.deadline_at - session.began_at);
  const spanMs = Math.max(20, Math.min(deadlineMs, endMs * 1.08));
  const depth = Math.log10(session.wanted) - 0.7;
  const x = (ms) => LEFT + (Math.min(ms, spanMs) / spanMs) * (WIDTH - LEFT - RIGHT);
  const y = (bound) => TOP + (Math.max(Math.log10(bound), depth) / depth) * (HEIGHT - TOP - BOTTOM);
  let line = "";
  let last = 1;
  for (const [ms, bound] of session.curve) {
    line += line ? `H${x(ms)}V${y(bound)}` : `M${x(ms)} ${y(bound)}`;
    last = bound;
  }
  line += `H${x(endMs)}`;
  const bottom = HEIGHT - BOTTOM;
  svg.replaceChildren(
    drawn("path", { class: last <= session.wanted ? "reached" : "under", d: `${line}V${bottom}H${LEFT}Z` }),
    drawn("path", { class: "axis", d: `M${LEFT} ${TOP}V${bottom}H${WIDTH - RIGHT}`, fill: "none" }),
    drawn("text", { x: LEFT - 6, y: TOP + 4, "text-anchor": "end" }, "1"),
    drawn("path", { class: "wanted", d: `M${LEFT} ${y(session.wanted)}H${WIDTH - RIGHT}` }),
    drawn("text", { class: "wanted-text", x: LEFT - 6, y: y(session.wanted) + 4, "text-anchor": "end" },
      chance(session.wanted).replace(" million", " M").replace(" billion", " G")),
    drawn("text", { class: "wanted-text", x: WIDTH - RIGHT, y: y(session.wanted) - 4, "text-anchor": "end" }, "wanted"),
    drawn("path", { class: "step", d: line }),
    drawn("circle", { class: "dot", cx: x(endMs), cy: y(last), r: 3.5 }),
    drawn("text", { x: LEFT, y: HEIGHT - 6 }, "0"),
    drawn("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, seconds(spanMs / 1000)),
  );
  svg.setAttribute(
    "aria-label",
    `After ${seconds(endMs / 1000)} the chance of a wrong “available” is ${chance(last)}; ` +
      `${chance(session.wanted)} is wanted`,
  );
}

function drawMembers(members) {
  byId("members").replaceChildren(
    ...members.map((one) => {
      const failed = Object.entries(one.outcomes).map(([name, count]) => `${count} ${name}`);
      if (one.late) failed.unshift(`${one.late} late`);
      return make("tr", {},
        make("th", { scope: "row", title: one.url }, one.name || one.url, one.signed ? "" : " (did not sign)"),
        make("td", { class: LOOKS[one.health] ?? "" }, one.health),
        make("td", {}, `${one.held} of ${one.asked}`),
        make("td", {}, one.under_way ? `${one.under_way}` : ""),
        make("td", {}, failed.join(", ")),
        make("td", {}, one.controls ? `${one.controls_held} of ${one.controls}` : ""));
    }),
  );
}

export function describe(session) {
  return session.ended_at === null
    ? `${session.held} of ${session.asked} ${session.unit} held, since ${clock(session.began_at)}`
    : `${clock(session.ended_at)}, took ${seconds(session.ended_at - session.began_at)}`;
}
