// What the page is made of: the data, what is derived from it once, the state of the filters, and the address that holds
// it. Nothing is fetched, and nothing that the data says becomes markup: text goes into the page as text.

const began = performance.now();
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const { targets, commands, findings, reasons, sources, places } = data;
const root = document.documentElement, grid = $("grid"), detail = $("detail");
const N = targets.length, NARROWEST = 68, NAME = 216, PANEL = 560, AHEAD = "900px";
const KINDS = { "conforms": ["conforms", "✓"], "diverges": ["diverges", "✕"], "unsupported": ["unsupported", "⊘"],
  "not run": ["not-run", "○"], "unspecified": ["unspecified", "?"] };
const SHARED = "every command";

/** An element: properties by their names (class, text, data-..., onclick), then what it holds. */
function el(tag, props, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...inside.filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}
const number = (n) => n.toLocaleString("en-GB");
const short = (n) => n < 1e4 ? String(n) : n < 1e6 ? `${Math.round(n / 1e3)}k` : `${(n / 1e6).toFixed(1)}M`;
const many = (n, one, more) => `${number(n)} ${n === 1 ? one : more || one + "s"}`;
const sum = (values) => values.reduce((all, one) => all + one, 0);
const verdictOf = (row, t) => row.cells[t] ? row.cells[t].verdict : null;

// ---- what is derived from the data once ---------------------------------------------------------------------------

const byName = new Map(commands.map((row) => [row.name, row]));
const ofCommand = new Map(), ofRule = new Map();  // findings by "target command", by "target rule"
const push = (map, key, value) => map.has(key) ? map.get(key).push(value) : map.set(key, [value]);
findings.forEach((one, n) => {
  one.n = n;
  push(ofCommand, `${one.target} ${one.command}`, one);
  new Set(one.rules).forEach((rule) => push(ofRule, `${one.target} ${rule}`, one));
});
const foundIn = (row, t) => row.group === SHARED
  ? [...new Set(row.rules.flatMap((rule) => ofRule.get(`${t} ${row.name}/${rule[0]}`) || []))]
  : ofCommand.get(`${t} ${row.name}`) || [];
const foundBy = (row, rule, t) => ofRule.get(`${t} ${row.name}/${rule[0]}`) || [];

/** How a command did on a target: its verdict (a block of all commands has that of its rules), reach, divergences. */
function standing(row, t) {
  const cell = row.cells[t];
  if (!cell) return null;
  const held = row.rules.map((rule) => rule[3][t]).filter(Boolean);
  const found = foundIn(row, t), reached = held.filter((one) => one[2] > 0).length;
  const verdict = cell.verdict || (found.length ? "diverges" : reached ? "conforms" : "not run");
  const known = found.length > 0 && found.every((one) => one.known);
  return { verdict, found, known, reached, rules: held.length, requests: cell.requests, reason: cell.reason,
    in: [0, 1].map((p) => held.some((one) => one[p] >= 0) ? held.filter((one) => one[p] > 0).length : -1) };
}
for (const row of commands) {
  row.standing = targets.map((_, t) => standing(row, t));
  const words = [row.name, row.name.replace("|", " "), row.group, row.summary];
  row.hay = words.join(" ").toLowerCase();
  row.deep = [...row.options.map((one) => one[0]), ...row.rules.map((one) => `${row.name}/${one[0]}`)].join(" ").toLowerCase();
  const seen = new Set(row.standing.map((one) => one === null ? "" : `${one.verdict} ${one.found.length}`));
  row.differs = seen.size > 1;
}

// ---- the state, and the address that holds it ---------------------------------------------------------------------

const state = { q: "", verdicts: new Set(), group: "", target: "", protocol: "", differ: false };
let open = null;  // { row, rule, t }: what the detail shows

function readAddress() {
  const [path, query] = location.hash.slice(1).split("?");
  const asked = new URLSearchParams(query || "");
  state.q = asked.get("q") || "";
  state.verdicts = new Set((asked.get("verdict") || "").split(",").filter((one) => Object.hasOwn(KINDS, one)));
  state.group = asked.get("group") || "";
  state.target = targets[Number(asked.get("target"))] && asked.has("target") ? asked.get("target") : "";
  state.protocol = ["2", "3"].includes(asked.get("protocol")) ? asked.get("protocol") : "";
  state.differ = asked.has("differ");
  const parts = path.split("/").map(decode);
  const row = byName.get(parts[0]) || byName.get(parts[0].toUpperCase());
  if (!row) return null;
  const t = parts[2] ? targets.findIndex((one) => one.name === parts[2]) : 0;
  return { row, rule: row.rules.find((one) => one[0] === parts[1]) || null, t: Math.max(t, 0), whole: parts.length < 3 };
}
function decode(text) { try { return decodeURIComponent(text); } catch { return text; } }
const encode = (text) => encodeURIComponent(text).replace(/%3A/g, ":").replace(/%7C/g, "|");
const address = (at) => [at.row.name, at.rule ? at.rule[0] : "", targets[at.t].name].map(encode).join("/");
function writeAddress() {
  const asked = new URLSearchParams();
  if (state.q) asked.set("q", state.q);
  if (state.verdicts.size) asked.set("verdict", [...state.verdicts].join(","));
  for (const name of ["group", "target", "protocol"]) if (state[name] !== "") asked.set(name, state[name]);
  if (state.differ) asked.set("differ", "");
  const query = asked.toString();
  const hash = (open ? address(open) : "") + (query ? `?${query}` : "");
  try { history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search); } catch { /* a frame without one */ }
}
