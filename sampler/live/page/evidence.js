// What a verdict rests on: fetched when it is asked for, shown in a dialog.

import { chance, clock, make, seconds } from "./figures.js";

const MOST_ATTEMPTS = 300;
const byId = (id) => document.getElementById(id);
let asked = 0;

export function prepareEvidence() {
  const dialog = byId("evidence");
  byId("evidence-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
}

export async function openEvidence(verdict) {
  asked += 1;
  const mine = asked;
  const body = byId("evidence-body");
  body.replaceChildren(make("p", { class: "quiet" }, "asking for the evidence …"));
  if (!byId("evidence").open) byId("evidence").showModal();
  let content;
  try {
    const [said, evidence] = await Promise.all([
      document_(`/v1/verdicts/${verdict.blob_id}`), document_(`/v1/verdicts/${verdict.blob_id}/evidence`),
    ]);
    content = told(verdict, said, evidence);
  } catch (error) {
    content = [make("p", { role: "alert" }, `The evidence cannot be had: ${error.message}`)];
  }
  if (mine === asked) body.replaceChildren(...content); // or another was asked for meanwhile
}

async function document_(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail ?? `HTTP status ${answer.status}`);
  return body;
}

function told(verdict, said, evidence) {
  const later = said.cursor !== verdict.cursor
    ? [make("p", { class: "notice" }, "There is a later verdict on this blob; this is what that one rests on.")] : [];
  return [
    ...later,
    pairs([
      ["blob", make("code", {}, evidence.blob_id)],
      ["finding", `${evidence.finding}: ${evidence.reason}`],
      ["chance to be wrong", evidence.finding === "inconclusive" ? "it says nothing" : chance(evidence.error)],
      ["sample", `${evidence.held} of ${evidence.asked} ${evidence.unit} held, ${evidence.failed} given up ` +
        `(${evidence.rule}, wanted ${evidence.wanted_error})`],
      ["keyset", evidence.keyset_hash ? make("code", {}, evidence.keyset_hash) : "none"],
      ["began", clock(evidence.began_at)],
      ["signed by", said.signer ? make("code", {}, said.signer) : "nobody"],
      ["signature", said.signature ? make("code", {}, said.signature) : "none"],
      ["evidence's digest", make("code", {}, said.evidence_digest)],
    ]),
    make("h3", {}, "By member"),
    table(["member", "signed", "held", "failed", "controls", "against it"], evidence.members.map((one) => [
      one.name ?? one.url, one.signed ? "yes" : "no", `${one.held} of ${one.asked}`,
      counts(one.outcomes), controls(one.controls),
      one.denies ? "denies what it signed for" : one.is_silent ? "silent" : one.weight ? `weighs ${one.weight.toPrecision(3)}` : "",
    ])),
    make("h3", {}, "Every question"),
    table(["after", "took", "of", "item", "round", "outcome", "why"], evidence.attempts.slice(0, MOST_ATTEMPTS).map((one) => [
      seconds(one.asked_ms / 1000), seconds((one.ended_ms - one.asked_ms) / 1000),
      evidence.members[one.source]?.name ?? `${one.source}`, one.item === null ? "control" : `${one.item}`,
      one.round === null ? "" : `${one.round}`, one.outcome, one.detail,
    ])),
    ...(evidence.attempts.length > MOST_ATTEMPTS
      ? [make("p", { class: "quiet" }, `and ${evidence.attempts.length - MOST_ATTEMPTS} more`)] : []),
    make("p", {}, make("a", { href: `/v1/verdicts/${evidence.blob_id}/evidence` }, "The whole evidence, as JSON")),
  ];
}

function counts(outcomes) {
  return Object.entries(outcomes).filter(([name]) => name !== "held")
    .map(([name, count]) => `${count} ${name}`).join(", ");
}

function controls(outcomes) {
  const all = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  return all ? `${outcomes.held ?? 0} of ${all}` : "";
}

function pairs(list) {
  return make("dl", { class: "pairs" },
    ...list.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function table(headings, rows) {
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": headings.join(", ") },
    make("table", {},
      make("thead", {}, make("tr", {}, ...headings.map((one) => make("th", { scope: "col" }, one)))),
      make("tbody", {}, ...rows.map(([first, ...cells]) => make("tr", {},
        make("th", { scope: "row" }, first), ...cells.map((one) => make("td", {}, one)))))));
}
