// The rows of the matrix, made as they come into view, and the filters that show and hide them.

// ---- rows ---------------------------------------------------------------------------------------------------------

const label = (t) => el("span", { class: "label", text: targets[t].name });
function commandCell(row, t) {
  const one = row.standing[t];
  if (!one) return el("div", { class: "cell", role: "gridcell", tabindex: -1, "data-t": t, "aria-label": `${targets[t].name}: no such command` },
    label(t), el("span", { class: "say" }, el("span", { class: "mark lacking", text: "—" })));
  const [kind, glyph] = KINDS[one.verdict];
  const says = one.verdict === "diverges" ? String(one.found.length)
    : one.verdict === "conforms" && one.rules ? `${one.reached}/${one.rules}` : "";
  const told = one.verdict === "diverges" ? many(one.found.length, "divergence") : `${one.reached} of ${many(one.rules, "rule")} reached`;
  const cell = el("div", { class: `cell ${kind}${one.known ? " known" : ""}`, role: "gridcell", tabindex: -1, "data-t": t,
    "aria-label": `${targets[t].name}: ${one.verdict}${one.known ? ", known" : ""}${one.rules ? `, ${told}` : ""}` },
    label(t), el("span", { class: "say" }, el("span", { class: `mark ${kind}`, text: glyph }), says));
  if (one.rules && (one.verdict === "conforms" || one.verdict === "diverges"))
    cell.append(el("span", { class: "tracks" }, ...one.in.map((n) => n < 0 ? null
      : el("i", { style: `--w:${Math.round(100 * n / one.rules)}%` }))));
  return cell;
}
function halfState(row, rule, t, p) {
  const cell = rule[3][t];
  if (!cell) return null;
  if (foundBy(row, rule, t).some((one) => one.protocol === p + 2)) return "diverges";
  return cell[p] < 0 ? "silent" : cell[p] > 0 ? "conforms" : "not-run";
}
function ruleCell(row, rule, t) {
  const reach = rule[3][t];
  if (!reach) return el("div", { class: "cell", role: "gridcell", tabindex: -1, "data-t": t, "aria-label": `${targets[t].name}: no such rule` },
    label(t), el("span", { class: "say" }, el("span", { class: "mark lacking", text: "—" })));
  const spoken = reach[0] >= 0 || reach[1] >= 0;
  const halves = (spoken ? [0, 1] : [-1]).map((p) => {
    const kind = p < 0 ? (reach[2] ? "conforms" : "not-run") : halfState(row, rule, t, p), count = p < 0 ? reach[2] : reach[p];
    return { kind, count, text: kind === "diverges" ? "✕" : count > 0 ? short(count) : "○", name: p < 0 ? "" : `RESP${p + 2} ` };
  });
  const told = halves.filter((one) => one.kind !== "silent").map((one) => one.name +
    (one.kind === "diverges" ? "diverges" : one.count > 0 ? `reached ${one.count} times` : "not reached"));
  const away = reach[0] + reach[1] <= 0 && reach[2] > 0;  // by the server itself, in no protocol
  return el("div", { class: `cell${halves.some((one) => one.kind === "diverges") ? " diverges" : ""}`, role: "gridcell", tabindex: -1, "data-t": t,
    "aria-label": `${targets[t].name}: ${told.join(", ")}` }, label(t),
    away ? el("span", { class: "halves" }, el("span", { class: "half conforms", text: short(reach[2]) }))
      : el("span", { class: "halves" }, ...halves.map((one) => el("span", { class: `half ${one.kind}`, text: one.text }))));
}
function optionCell(row, option, t) {
  const sent = option[1][t];
  const none = sent === null || sent === undefined;
  return el("div", { class: "cell", role: "gridcell", tabindex: -1, "data-t": t,
    "aria-label": `${targets[t].name}: ${none ? "no such option" : sent ? `sent ${sent} times` : "never sent"}` },
    label(t), el("span", { class: "say" }, none ? el("span", { class: "mark lacking", text: "—" })
      : sent ? short(sent) : el("span", { class: "mark not-run", text: "○" })));
}

let rowIndex = 1;
function commandRow(row) {
  const leaf = !row.rules.length && !row.options.length;
  const made = el("div", { class: `row command${leaf ? " leaf" : ""}`, role: "row", "aria-level": 2, "aria-rowindex": ++rowIndex,
    "aria-expanded": leaf ? null : "false", "data-name": row.name },
    el("div", { class: "name", role: "rowheader", tabindex: -1 }, el("b", { text: row.name.replace("|", " ") }), el("small", { text: row.summary })));
  row.el = made;
  made.row = row;
  row.children = null;
  return made;
}
/** The cells of a row, made when it comes near the view or is asked for. */
function fill(row) {
  if (row.filled) return;
  row.filled = true;
  row.el.append(...targets.map((_, t) => commandCell(row, t)));
  built.rows += 1;
}
function childrenOf(row) {
  if (row.children) return row.children;
  const made = el("div", { class: "children", role: "presentation", hidden: true });
  const line = (kind, head, cells) => {
    const one = el("div", { class: `row leafrow ${kind}`, role: "row", "aria-level": 3 }, head, ...cells);
    one.row = row;
    made.append(one);
    return one;
  };
  for (const option of row.options) {
    const one = line("option", el("div", { class: "name", role: "rowheader", tabindex: -1 }, el("b", { text: option[0] }), el("small", { text: "option" })),
      targets.map((_, t) => optionCell(row, option, t)));
    one.option = option;
  }
  for (const rule of row.rules) {
    const tags = rule[2].length > 3 ? [] : rule[2].map((n) => el("span", { class: "tag", text: row.options[n][0] }));
    const one = line("rule", el("div", { class: "name", role: "rowheader", tabindex: -1 }, el("span", { text: rule[0] }), ...tags),
      targets.map((_, t) => ruleCell(row, rule, t)));
    one.rule = rule;
  }
  row.el.after(made);
  row.children = made;
  built.children += 1;
  return made;
}
function unfold(row, yes) {
  if (!row.rules.length && !row.options.length) return;
  if (yes) fill(row);
  if (yes || row.children) childrenOf(row).hidden = !yes;
  row.el.setAttribute("aria-expanded", String(yes));
  if (yes) narrowChildren(row);
}
const unfolded = (row) => row.el.getAttribute("aria-expanded") === "true";

const built = { rows: 0, children: 0, filters: 0 };
const watcher = new IntersectionObserver((seen) => seen.forEach((one) => { if (one.isIntersecting) { fill(one.target.row); watcher.unobserve(one.target); } }),
  { rootMargin: AHEAD });

const groupRows = new Map();
function build() {
  grid.style.setProperty("--n", N);
  grid.setAttribute("aria-colcount", N + 1);
  const head = el("div", { class: "columns", role: "row", "aria-rowindex": 1 }, el("div", { role: "columnheader", text: "command" }));
  targets.forEach((one, t) => head.append(el("div", { role: "columnheader", "data-t": t, title: [one.server, one.why].filter(Boolean).join(": ") },
    el("b", { text: one.name }), el("small", { text: one.profile }),
    el("span", { class: "two", "aria-hidden": true }, ...(one.protocols.length > 1 ? [el("span", { text: "RESP2" }), el("span", { text: "RESP3" })] : [])))));
  const all = document.createDocumentFragment();
  all.append(head);
  const order = [...$("group").options].map((one) => one.value).filter(Boolean);
  for (const name of order) {
    const rows = commands.filter((row) => row.group === name);
    const box = el("div", { class: "group", role: "rowgroup", "aria-label": name });
    const line = el("div", { class: "row group-row", role: "row", "aria-level": 1, "aria-rowindex": ++rowIndex },
      el("div", { role: "rowheader" }, name, el("span", { text: "" })));
    targets.forEach((_, t) => {
      const held = rows.filter((row) => row.standing[t]);
      const bad = held.filter((row) => row.standing[t].verdict === "diverges").length;
      const good = held.filter((row) => row.standing[t].verdict === "conforms").length;
      line.append(el("div", { role: "gridcell", "data-t": t, "aria-label": `${targets[t].name}: ${good} of ${held.length} conform` },
        held.length ? `${good}/${held.length}` : "—", bad ? el("span", { class: "bad", text: `  ✕ ${bad}` }) : null));
    });
    groupRows.set(name, { box, line, rows });
    box.append(line, ...rows.map(commandRow));
    all.append(box);
  }
  grid.append(all);
  grid.setAttribute("aria-rowcount", rowIndex);
  commands.slice(0, 1).forEach(fill);
  commands.forEach((row) => watcher.observe(row.el));
}

// ---- filters ------------------------------------------------------------------------------------------------------

const shownTargets = () => state.target === "" ? targets.map((_, t) => t) : [Number(state.target)];
function fits(row, verdicts) {
  if (state.group && row.group !== state.group) return false;
  const on = shownTargets();
  if (!on.some((t) => row.standing[t])) return false;
  if (state.differ && !row.differs) return false;
  if (verdicts.size && !on.some((t) => row.standing[t] && verdicts.has(row.standing[t].verdict))) return false;
  if (!words.length) return true;
  return words.every((word) => row.hay.includes(word) || row.deep.includes(word));
}
let words = [];
/** Whether a rule's row is shown while something is searched for: all of them where the command itself matches. */
function narrowChildren(row) {
  if (!row.children) return;
  const byCommand = !words.length || words.every((word) => row.hay.includes(word));
  for (const line of row.children.children) {
    const name = line.rule ? `${row.name}/${line.rule[0]}` : line.option ? line.option[0] : "";
    line.hidden = !byCommand && !words.every((word) => row.hay.includes(word) || name.toLowerCase().includes(word));
  }
}
function filter() {
  const from = performance.now();
  words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const counts = Object.fromEntries(Object.keys(KINDS).map((one) => [one, 0]));
  const none = new Set();
  let shown = 0;
  const shownRows = [];
  for (const { box, line, rows } of groupRows.values()) {
    let here = 0;
    for (const row of rows) {
      const but = fits(row, none);
      if (but) for (const verdict of new Set(shownTargets().map((t) => row.standing[t] && row.standing[t].verdict))) if (verdict) counts[verdict] += 1;
      const yes = but && (!state.verdicts.size || fits(row, state.verdicts));
      if (row.el.hidden === yes) row.el.hidden = !yes;
      if (row.children) row.children.hidden = !yes || !unfolded(row);
      if (yes) { here += 1; shownRows.push(row); }
    }
    box.hidden = !here;
    line.querySelector("span").textContent = here === rows.length ? many(here, "row") : `${here} of ${rows.length}`;
    shown += here;
  }
  const deep = words.length && shownRows.length <= 40;
  for (const row of shownRows) {
    const only = deep && !words.every((word) => row.hay.includes(word));
    if (only && !unfolded(row)) { unfold(row, true); row.forced = true; }
    else if (!only && row.forced) { unfold(row, false); row.forced = false; }
    else narrowChildren(row);
  }
  if (!words.length) for (const row of commands) if (row.forced) { unfold(row, false); row.forced = false; }
  const commandsShown = shownRows.filter((row) => row.group !== SHARED).length;
  const every = commands.filter((row) => row.group !== SHARED).length;
  $("count").textContent = shown === commands.length ? `${many(every, "command")}, ${many(sum(commands.map((row) => row.rules.length)), "rule")}`
    : `${number(commandsShown)} of ${many(every, "command")}` + (shown > commandsShown ? ` and ${many(shown - commandsShown, "block")} of all` : "");
  $("nothing").hidden = shown > 0;
  grid.hidden = !shown;
  for (const chip of document.querySelectorAll(".chip")) {
    const on = state.verdicts.has(chip.dataset.verdict);
    chip.setAttribute("aria-pressed", String(on));
    chip.querySelector("b").textContent = number(counts[chip.dataset.verdict]);
    chip.hidden = !on && !counts[chip.dataset.verdict] && !commands.some((row) => row.standing.some((one) => one && one.verdict === chip.dataset.verdict));
  }
  for (const one of document.querySelectorAll("[data-protocol]")) if (one.tagName === "BUTTON") one.setAttribute("aria-pressed", String(one.dataset.protocol === state.protocol));
  grid.dataset.protocol = state.protocol;
  $("q").value !== state.q && ($("q").value = state.q);
  $("group").value = state.group; $("target").value = state.target; $("differ").checked = state.differ;
  $("reset").hidden = !(state.q || state.verdicts.size || state.group || state.target !== "" || state.protocol || state.differ);
  columns();
  writeAddress();
  built.filters += 1;
  measure("redlark:filter", from);
}
/** Which columns there are; where they have no room, cells stand under the name, each with its label. */
function columns() {
  const on = shownTargets();
  grid.style.setProperty("--n", on.length);
  only.textContent = on.length === N ? "" : `#grid [data-t]:not([data-t="${on[0]}"]) { display: none }`;
  grid.classList.toggle("stacked", grid.clientWidth > 0 && grid.clientWidth < NAME + on.length * NARROWEST);
  if (on.length === 1) grid.classList.toggle("stacked", false);
}
/** How high what sticks to the top is, by which the next thing stands below it. */
function heights() {
  const bar = $("filters");
  root.style.setProperty("--bar", getComputedStyle(bar).position === "sticky" ? `${bar.offsetHeight}px` : "0px");
  root.style.setProperty("--head", `${grid.firstChild.offsetHeight}px`);
}
const only = document.head.appendChild(el("style"));
function measure(name, from) { try { performance.measure(name, { start: from, end: performance.now() }); } catch { /* old browsers */ } }
function reset() {
  Object.assign(state, { q: "", verdicts: new Set(), group: "", target: "", protocol: "", differ: false });
  filter();
}
const say = (text) => { $("said").textContent = text; };
