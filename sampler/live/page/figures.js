// Figures and words, and the making of elements. Texts of other machines become text nodes only.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function drawn(tag, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
}

export function facts(list, pairs) {
  list.replaceChildren(
    ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}

export function shortId(id) {
  return `${id.slice(0, 10)}…${id.slice(-4)}`;
}

// A chance for people: "1 in 3,400", "1 in 1.1 million"; above one half nothing is known.
export function chance(error) {
  if (error <= 0) return "none";
  if (error >= 0.5) return "unknown";
  const odds = 1 / error;
  const [unit, name] = odds >= 999.5e9 ? [1e12, " trillion"] : odds >= 999.5e6 ? [1e9, " billion"]
    : odds >= 999.5e3 ? [1e6, " million"] : [1, ""];
  const figure = odds / unit;
  const digits = unit > 1 && figure < 10 ? 2 : unit > 1 && figure < 100 ? 1 : 0;
  return `1 in ${figure.toLocaleString("en", { maximumFractionDigits: digits })}${name}`;
}

export function bytes(count) {
  for (const [unit, name] of [[2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (count >= unit) return `${(count / unit).toFixed(count < 10 * unit ? 1 : 0)} ${name}`;
  }
  return `${count} B`;
}

export function seconds(span) {
  if (span < 1) return `${Math.max(0, Math.round(span * 1000))} ms`;
  if (span < 100) return `${span.toFixed(1)} s`;
  if (span < 5400) return `${Math.round(span / 60)} min`;
  return span < 172800 ? `${Math.round(span / 3600)} h` : `${Math.round(span / 86400)} d`;
}

export function clock(unix) {
  return new Date(unix * 1000).toLocaleTimeString("en-GB");
}

export const LOOKS = {
  available: "good", withheld: "bad", inconclusive: "waiting", asking: "waiting", doubting: "waiting",
  answers: "good", "fails some": "waiting", silent: "bad", denies: "bad", unasked: "none", "waited for": "none",
};
