// What a cell stands for: the rule as it is written, what was allowed and seen, the transcript, how to run it again.

// ---- the detail ---------------------------------------------------------------------------------------------------

const KEYWORDS = new Set(("command rule when need let use on each giving choose among given absent present if else not and or in is as at by with since until only " +
  "means refuses group flags acl returns touches perform event propagate delete example fragment define type encodings errors state park then holds error " +
  "complexity history shown late once from unreachable never-sent tips reads container").split(" "));
/** A line of the text, its words in their colours. */
function coloured(line) {
  const made = [];
  const token = /(--.*$)|("(?:[^"\\]|\\.)*")|(=>|:=)|([A-Za-z][\w-]*)/g;
  let last = 0, previous = "";
  for (let found; (found = token.exec(line));) {
    made.push(line.slice(last, found.index));
    const [all, comment, string, arrow, word] = found;
    const kind = comment ? "z" : string ? "s" : arrow ? "k" : KEYWORDS.has(word) ? "k"
      : previous === "rule" || previous === "command" ? "r" : previous === "error" ? "e" : "";
    made.push(kind ? el("span", { class: kind, text: all }) : all);
    if (word) previous = word;
    last = token.lastIndex;
  }
  made.push(line.slice(last));
  return made;
}
/** A block as it is written, with the lines of a rule marked. */
function source(block, marked) {
  const where = places[block], [file, range] = where.split(":"), first = Number(range.split("-")[0]);
  const lines = sources[block].split("\n");
  const pre = el("pre", { class: "source", tabindex: 0, role: "region", "aria-label": `${where}, as written` },
    ...lines.map((line, n) => el("span", { class: marked.has(n + 1) ? "l here" : "l", "data-n": first + n }, ...coloured(line), "\n")));
  const at = [...marked].map((n) => first + n - 1);
  return [el("h3", null, el("span", { text: "As the text has it" }), el("span", { class: "mono", text: `spec/text/${file}${at.length ? `:${at.join(", ")}` : ""}` })), pre];
}
/** The lines that belong to a rule: its own, and those that are indented further below it. */
function extent(block, line) {
  const lines = sources[block].split("\n"), indent = (text) => text.length - text.trimStart().length;
  const found = new Set([line]);
  if (line === 1 || /^\w/.test(lines[line - 1])) return found;
  for (let n = line; n < lines.length && lines[n].trim() && indent(lines[n]) > indent(lines[line - 1]); n += 1) found.add(n + 1);
  return found;
}
function textOf(at) {
  const made = [];
  if (!at.rule) {  // the whole block, what diverged in it marked
    if (at.row.block < 0) return [];
    const rules = at.row.rules.filter((rule) => foundBy(at.row, rule, at.t).length);
    const inside = rules.flatMap((rule) => rule[1]).filter(([block]) => block === at.row.block);
    return source(at.row.block, new Set(inside.flatMap(([block, line]) => [...extent(block, line)])));
  }
  const marked = new Map();
  at.rule[1].forEach(([block, line], n) => {
    const lines = n ? new Set([line]) : extent(block, line);
    marked.set(block, new Set([...(marked.get(block) || []), ...lines]));
  });
  for (const [block, lines] of marked) made.push(...source(block, lines));
  return made;
}
const quoted = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
/** The command line that looks at just this again. */
function again(at, finding) {
  const target = targets[at.t], asked = data.options || {};
  const name = finding ? finding.command : at.row.name;
  const command = byName.get(name) && byName.get(name).group !== SHARED && !name.startsWith("(") ? ["--commands", name] : [];
  const protocols = finding ? [finding.protocol] : state.protocol ? [Number(state.protocol)] : target.protocols;
  const line = ["redlark", "conform", target.name, ...(target.profile ? ["--profile", target.profile] : []), ...command,
    ...(protocols.length === 1 ? ["--protocol", String(protocols[0])] : []), "--seed", String(data.seed),
    ...(target.level === "loose" ? ["--loose"] : []), ...(asked.budget ? ["--budget", String(asked.budget)] : [])];
  return line.map(quoted).join(" ");
}
async function copy(text, button) {
  let done = true;
  try { await navigator.clipboard.writeText(text); } catch { done = byHand(text); }
  const before = button.textContent;
  button.textContent = done ? "Copied" : "Select and copy";
  say(done ? "Copied" : "The browser does not let a page copy here");
  setTimeout(() => { button.textContent = before; }, 1500);
}
function byHand(text) {
  const area = el("textarea", { style: "position:fixed;opacity:0" });
  area.value = text;
  (detail.hidden ? document.body : detail).append(area);
  area.select();
  let done = false;
  try { done = document.execCommand("copy"); } catch { /* not allowed */ }
  area.remove();
  return done;
}
const copier = (text, what) => el("button", { type: "button", class: "copy", text: "Copy", "aria-label": what, "data-copy": text,
  onclick: (event) => copy(text, event.currentTarget) });
function runAgain(at, finding) {
  const line = again(at, finding);
  return [el("h3", null, el("span", { text: "Run just this again" }), copier(line, "Copy the command line")), el("pre", { class: "again", text: line })];
}
function transcript(one) {
  const several = new Set(one.exchanges.map((each) => each[0])).size > 1;
  const pre = el("pre", { class: "transcript" });
  one.exchanges.forEach(([client, request, reply], n) => {
    const last = n === one.exchanges.length - 1;
    if (request) pre.append(el("span", { class: "prompt", text: several ? `${client}> ` : "> " }), request, "\n");
    else pre.append(el("span", { class: "prompt", text: several ? `${client}< ` : "< " }));
    const told = reply === null ? (last ? `(${one.seen})` : "(no reply was due)") : reply;
    pre.append(el("span", { class: last ? "last" : "reply", text: told }), last ? "" : "\n");
  });
  if (!one.exchanges.length) pre.append(one.transcript);
  return pre;
}
function findingOf(one, at) {
  const tags = [`RESP${one.protocol}`, one.known && "known", !one.reproduced && "seen once, and not again", one.pipelined && "sent in one write",
    one.setup && `on a server where ${one.setup}`].filter(Boolean);
  const rules = one.rules.length ? one.rules.map((rule) => {
    const [name, ...rest] = rule.split("/"), row = byName.get(name), found = row && row.rules.find((each) => each[0] === rest.join("/"));
    return found ? el("button", { type: "button", class: "tagged", text: rule, onclick: () => show({ row, rule: found, t: one.target }) })
      : el("span", { class: "tagged", text: rule });
  }) : [];
  return el("section", { class: `finding${one.known ? " known" : ""}`, "aria-label": `Divergence of ${one.command}` },
    el("div", { class: "tags" }, ...tags.map((text) => el("span", { class: "tagged", text })), ...rules),
    one.known ? el("p", { class: "line", text: `Known: ${one.known}` }) : null,
    el("h3", { text: one.allowed.length > 1 ? "Allowed, one of" : "Allowed" }),
    ...(one.allowed.length ? one.allowed.map((text) => el("pre", { class: "allowed", text })) : [el("pre", { class: "allowed", text: "(nothing)" })]),
    el("h3", { text: "Seen" }), el("pre", { class: "seen", text: one.seen }),
    el("h3", null, el("span", { text: "The shortest transcript" }), copier(one.transcript, "Copy the transcript for redis-cli")), transcript(one),
    ...runAgain(at, one));
}
function stateOf(at) {
  const { row, rule, t } = at, one = row.standing[t], p = el("p", { class: "state" });
  const pill = (kind, text) => p.append(el("span", { class: `pill ${kind}`, text }));
  if (!one) { pill("", "none"); p.append(`${targets[t].profile || "The profile"} has no command ${row.name.replace("|", " ")}.`); return p; }
  if (!rule) {
    const [kind] = KINDS[one.verdict];
    pill(kind, one.known ? "diverges, as is known" : one.verdict);
    const by = one.in.map((n, at_) => n < 0 ? null : `${n} in RESP${at_ + 2}`).filter(Boolean);
    const text = { "unsupported": "The server does not know it.", "not run": one.reason ? `Never sent: ${one.reason}.` : "No request of it was sent.",
      "unspecified": "The server names it, the text does not." }[one.verdict];
    p.append(text || `${row.group === SHARED ? "" : `${many(one.requests, "request")}, `}${one.reached} of ${many(one.rules, "rule")} reached${by.length ? ` (${by.join(", ")})` : ""}.`);
    return p;
  }
  const reach = rule[3][t];
  if (!reach) { pill("", "none"); p.append(`${targets[t].profile} has no such rule.`); return p; }
  const found = foundBy(row, rule, t);
  if (found.length) pill("diverges", found.every((each) => each.known) ? "diverges, as is known" : "diverges");
  else if (reach[2]) pill("conforms", "conforms");
  else pill("", "not reached");
  const by = [0, 1].filter((n) => reach[n] >= 0).map((n) => `${number(reach[n])} in RESP${n + 2}`);
  const rest = reach[2] - Math.max(reach[0], 0) - Math.max(reach[1], 0);
  if (rest > 0 && by.length) by.push(`${number(rest)} by the server itself`);
  if (found.length) p.append(reach[2] ? `Otherwise reached ${many(reach[2], "time")}${by.length ? `: ${by.join(", ")}` : ""}.` : "Not once was the reply what the rule says.");
  else p.append(reach[2] ? `Reached ${many(reach[2], "time")}${by.length ? `: ${by.join(", ")}` : ""}.` : `${capital(reasons[reach[3]] || "It was never what decided a reply")}.`);
  return p;
}
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
function elsewhere(at) {
  if (N < 2) return [];
  const lines = targets.map((one, t) => {
    const reach = at.rule ? at.rule[3][t] : null, standing_ = at.row.standing[t];
    const kind = !standing_ || (at.rule && !reach) ? "lacking" : at.rule ? (foundBy(at.row, at.rule, t).length ? "diverges" : reach[2] ? "conforms" : "not-run") : KINDS[standing_.verdict][0];
    const text = kind === "lacking" ? "none" : at.rule ? (kind === "diverges" ? "diverges" : reach[2] ? `reached ${many(reach[2], "time")}` : "not reached")
      : standing_.verdict + (standing_.found.length ? `, ${many(standing_.found.length, "divergence")}` : "");
    const glyph = kind === "lacking" ? "—" : Object.values(KINDS).find((each) => each[0] === kind)[1];
    return el("tr", { "aria-current": t === at.t ? "true" : null }, el("th", { scope: "row" }, el("button", { type: "button", text: one.name, onclick: () => show({ ...at, t }) })),
      el("td", { class: "n" }, el("span", { class: `mark ${kind}`, text: glyph }), ` ${text}`));
  });
  return [el("h3", { text: "On the others" }), el("table", null, el("tbody", null, ...lines))];
}
function rulesOf(at) {
  const held = at.row.rules.filter((rule) => rule[3][at.t]);
  const made = [];
  if (at.row.options.length) {
    const sent = at.row.options.filter((one) => one[1][at.t] !== null && one[1][at.t] !== undefined);
    made.push(el("h3", { text: "Options, and how many requests had them" }),
      el("p", { class: "mono" }, ...sent.flatMap((one) => [el("span", { class: "tagged", text: `${one[0]} ${one[1][at.t] ? number(one[1][at.t]) : "never"}` }), " "])));
  }
  const missing = held.filter((rule) => !rule[3][at.t][2]);
  if (missing.length) made.push(el("h3", { text: `Rules that were not reached (${missing.length} of ${held.length})` }), el("table", null, el("tbody", null,
    ...missing.map((rule) => el("tr", null, el("th", { scope: "row", class: "mono" }, el("button", { type: "button", text: rule[0], onclick: () => show({ ...at, rule }) })),
      el("td", { text: reasons[rule[3][at.t][3]] || "" }))))));
  return made;
}
let cameFrom = null;
function show(at, focus) {
  open = { row: at.row, rule: at.rule || null, t: at.t };
  const { row, rule, t } = open, target = targets[t];
  const found = rule ? foundBy(row, rule, t) : foundIn(row, t);
  const title = el("h2", { id: "detail-title", tabindex: -1 }, row.name.replace("|", " "), rule ? el("span", { text: " / " }) : "", rule ? rule[0] : "",
    el("p", null, [target.name, target.server && target.server !== target.name ? target.server : "", target.profile ? `held to ${target.profile}` : ""].filter(Boolean).join(" · ")));
  const link = el("button", { type: "button", class: "tool", title: "Copy a link to this", "aria-label": "Copy a link to this", text: "#",
    onclick: (event) => copy(location.href.split("#")[0] + "#" + address(open), event.currentTarget) });
  const moves = [["‹", "Previous divergence (p)", () => jump(-1)], ["›", "Next divergence (n)", () => jump(1)], ["✕", "Close (Esc)", hide]]
    .map(([text, name, act]) => el("button", { type: "button", class: "tool", title: name, "aria-label": name, text, onclick: act }));
  detail.replaceChildren(el("header", null, title, el("div", { class: "moves" }, link, ...moves)), stateOf(open),
    rule ? "" : el("p", { text: row.summary }), rule || !row.syntax ? "" : el("p", { class: "line", text: `${row.name.replace("|", " ")} ${row.syntax}` }),
    ...found.map((one) => findingOf(one, open)), ...textOf(open), ...(rule ? [] : rulesOf(open)), ...elsewhere(open),
    ...(found.length || !row.standing[t] ? [] : runAgain(open, null)));
  const was = detail.hidden;
  detail.hidden = false;
  detail.setAttribute("aria-modal", String(innerWidth <= 560));
  $("main").inert = innerWidth <= 560;
  document.body.classList.toggle("pushed", innerWidth - PANEL >= NAME + shownTargets().length * (NARROWEST + 8) + 60);
  if (was) columns();
  detail.scrollTop = 0;
  for (const pre of detail.querySelectorAll("pre.source")) {
    const here = pre.querySelector(".here");
    if (here) pre.scrollTop = Math.max(0, here.offsetTop - 70);
  }
  mark();
  writeAddress();
  if (focus) title.focus({ preventScroll: true });
}
function hide() {
  if (!open) return;
  const cell = cellOf(open);
  open = null;
  detail.hidden = true;
  $("main").inert = false;
  document.body.classList.remove("pushed");
  columns();
  mark();
  writeAddress();
  (cell || cameFrom || grid).focus({ preventScroll: true });
}
/** The cell that the detail is about, if its row is there. */
function cellOf(at) {
  const line = at.rule ? at.row.children && [...at.row.children.children].find((one) => one.rule === at.rule) : at.row.el;
  return line && !line.hidden ? line.querySelector(`:scope > [data-t="${at.t}"]`) : null;
}
function mark() {
  for (const one of grid.querySelectorAll(".cell.open")) one.classList.remove("open");
  const cell = open && cellOf(open);
  if (cell) cell.classList.add("open");
}
/** Bring a cell into view: its row is unfolded and shown even where filters hide it. */
function reveal(at) {
  if (at.row.el.hidden) reset();
  fill(at.row);
  if (at.rule) unfold(at.row, true);
  const cell = cellOf(at) || at.row.el;
  cell.scrollIntoView({ block: "center", behavior: "instant" });
  return cell;
}
function jump(step) {
  const order = [];
  for (const row of commands) if (!row.el.hidden && row.group !== SHARED) for (const t of shownTargets()) for (const one of ofCommand.get(`${t} ${row.name}`) || []) order.push({ row, t, one });
  if (!order.length) { say("No divergence is shown"); return; }
  const rows = [...grid.querySelectorAll(".command")];
  order.sort((a, b) => rows.indexOf(a.row.el) - rows.indexOf(b.row.el) || a.t - b.t);
  let here = open ? order.findIndex((each) => each.row === open.row && each.t === open.t) : -1;
  if (open && here < 0) { const place = rows.indexOf(open.row.el); here = order.findIndex((each) => rows.indexOf(each.row.el) >= place) - (step > 0 ? 1 : 0); }
  const cells = order.filter((each, n) => !n || each.row !== order[n - 1].row || each.t !== order[n - 1].t);
  const at = here < 0 ? (step > 0 ? -1 : 0) : cells.findIndex((each) => each.row === order[here].row && each.t === order[here].t);
  const next = cells[(at + step + cells.length) % cells.length];
  const to = { row: next.row, rule: null, t: next.t };
  focusCell(reveal(to));
  show(to);
  say(`${next.row.name} on ${targets[next.t].name}, ${(at + step + cells.length) % cells.length + 1} of ${cells.length}`);
}
