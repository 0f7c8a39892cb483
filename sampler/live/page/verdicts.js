// Lists: sessions under way, verdicts, members lately, and the sampler on the whole.

import { LOOKS, chance, clock, facts, make, seconds, shortId } from "./figures.js";
import { describe } from "./session.js";

const MOST_SESSIONS = 8;
const byId = (id) => document.getElementById(id);
const entries = new Map(); // a verdict's entry is kept, so that focus and scroll stay where they are

export function drawOverview(overview) {
  const waiting = Object.entries(overview.waiting).filter(([, count]) => count);
  const feeds = overview.feeds.filter((one) => one.is_followed).length;
  facts(byId("overview"), [
    ["being sampled", `${overview.running}`],
    ["waiting", waiting.length ? waiting.map(([lane, count]) => `${count} ${lane.replace("_", " ")}`).join(", ") : "0"],
    ["lag", seconds(overview.lag_s)],
    ["feeds followed", `${feeds} of ${overview.feeds.length}`],
    ["wanted", chance(overview.wanted)],
    ["signer", overview.signer ? shortId(overview.signer) : "none"],
  ]);
}

export function drawSessions(live, chosen, choose) {
  const shown = [...live.sessions.values()].filter((one) => one.ended_at === null)
    .sort((one, other) => other.key - one.key);
  const list = byId("sessions");
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(
    ...shown.slice(0, MOST_SESSIONS).map((one) => {
      const button = make("button",
        { type: "button", "data-key": one.key, "data-state": LOOKS[one.stage],
          "aria-current": one.key === chosen ? "true" : null },
        make("span", { class: "what" }, make("span", { class: "id" }, shortId(one.blob_id))),
        make("span", { class: "aside" }, one.stage),
        make("span", { class: "more" }, describe(one)));
      button.addEventListener("click", () => choose(one.key));
      return make("li", {}, button);
    }),
    ...(shown.length ? [] : [make("li", { class: "quiet" }, "Nothing at the moment.")]),
    ...(shown.length > MOST_SESSIONS
      ? [make("li", { class: "quiet" }, `and ${shown.length - MOST_SESSIONS} more`)] : []),
  );
  if (held) list.querySelector(`[data-key="${held}"]`)?.focus();
  byId("hidden").hidden = live.isWhole;
}

export function drawVerdicts(verdicts, open) {
  const list = byId("verdict-list");
  const known = new Set(verdicts.map((one) => one.cursor));
  for (const [cursor, entry] of entries) {
    if (!known.has(cursor)) {
      entry.remove();
      entries.delete(cursor);
    }
  }
  for (const one of verdicts) {
    if (!entries.has(one.cursor)) {
      entries.set(one.cursor, entryOf(one, open));
      list.querySelector(".quiet")?.remove();
      list.prepend(entries.get(one.cursor));
    }
  }
  if (!verdicts.length && !list.firstChild) {
    list.append(make("li", { class: "quiet" }, "None yet."));
  }
}

function entryOf(verdict, open) {
  const button = make("button",
    { type: "button", "data-state": LOOKS[verdict.finding], "data-cursor": verdict.cursor },
    make("span", { class: "what" }, verdict.finding),
    make("span", { class: "aside" }, clock(verdict.time)),
    make("span", { class: "more" },
      make("span", { class: "id" }, shortId(verdict.blob_id)), verdict.label ? ` ${verdict.label}` : "",
      verdict.finding === "inconclusive" ? `; ${verdict.reason}` : `; wrong with ${chance(verdict.error)}`));
  button.addEventListener("click", () => open(verdict));
  return make("li", {}, button);
}

export function drawSeen(members) {
  byId("seen").replaceChildren(
    ...members.map((one) => make("tr", {},
      make("th", { scope: "row", title: one.url }, one.name || one.url),
      make("td", { class: LOOKS[one.health] ?? "" },
        one.silent_in_a_row > 1 ? `${one.health} (${one.silent_in_a_row} in a row)` : one.health),
      make("td", {}, one.asked ? `${Math.floor((100 * one.held) / one.asked)} %` : ""),
      make("td", {}, `${one.sessions}`))),
  );
}

export function announce(verdicts) {
  const last = verdicts.at(-1);
  if (last) {
    const more = verdicts.length > 1 ? `, and ${verdicts.length - 1} more verdicts` : "";
    byId("news").textContent = `Blob ${shortId(last.blob_id)} is ${last.finding}${more}`;
  }
}
