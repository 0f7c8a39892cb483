// The page: what is looked at, and when what is drawn.

import { openEvidence, prepareEvidence } from "./evidence.js";
import { Live } from "./live.js";
import { drawSession, drawTime, prepareMatrix } from "./session.js";
import { announce, drawOverview, drawSeen, drawSessions, drawVerdicts } from "./verdicts.js";

const DWELL_MS = 1500; // sessions take a tenth of a second where all is well: each is shown for a while
const CLOCK_MS = 250;
const byId = (id) => document.getElementById(id);

const live = new Live();
let chosen = null;
let chosenAt = 0;

function look() {
  const present = live.sessions.get(chosen);
  const follows = byId("follow").checked;
  const rests = performance.now() - chosenAt < DWELL_MS;
  if (present && (!follows || rests || (present.ended_at === null))) return present;
  const next = follows || chosen === null ? live.foremost() : present;
  if (next && next.key !== chosen) {
    chosen = next.key;
    chosenAt = performance.now();
  }
  return next ?? null;
}

function choose(key) {
  chosen = key;
  chosenAt = performance.now();
  byId("follow").checked = false;
  draw();
}

function draw() {
  const session = look();
  if (session) drawSession(session, live.now());
  drawSessions(live, chosen, choose);
}

live.addEventListener("update", ({ detail }) => {
  draw();
  drawOverview(live.overview);
  drawSeen(live.overview.members);
  drawVerdicts(live.verdicts, openEvidence);
  if (!detail.reset) announce(detail.verdicts);
});

live.addEventListener("connection", ({ detail }) => {
  const shown = byId("connection");
  shown.textContent = detail === "open" ? "live" : "connection lost, trying again";
  shown.dataset.state = detail === "open" ? "good" : "bad";
});

byId("follow").addEventListener("change", draw);
prepareMatrix();
prepareEvidence();
setInterval(() => {
  const before = chosen;
  const session = look();
  if (chosen !== before) draw();
  else if (session && session.ended_at === null) drawTime(session, live.now());
}, CLOCK_MS);
live.follow();
