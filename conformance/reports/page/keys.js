// Keys and clicks, the theme, printing, and how the page begins.

// ---- keys and clicks ----------------------------------------------------------------------------------------------

let current = null;  // the one element of the grid that Tab reaches
function focusCell(cell) {
  if (!cell) return;
  if (current) current.tabIndex = -1;
  current = cell;
  cell.tabIndex = 0;
  cell.focus({ preventScroll: true });
}
const lines = () => [...grid.querySelectorAll(".command, .leafrow")].filter((one) => !one.hidden && !one.closest("[hidden]"));
const shownCells = (line) => [...line.children].filter((one) => one.matches(".name, .cell") && (!one.dataset.t || shownTargets().includes(Number(one.dataset.t))));
function atOf(cell) {
  const line = cell.closest(".row");
  return line && line.row ? { row: line.row, rule: line.rule || null, t: Number(cell.dataset.t || shownTargets()[0]), head: cell.matches(".name"), line } : null;
}
function move(cell, down, across) {
  const here = cell.closest(".row"), all = lines(), place = all.indexOf(here);
  const to = all[Math.min(all.length - 1, Math.max(0, place + down))];
  if (to.row) fill(to.row);
  const column = shownCells(here).indexOf(cell), cells = shownCells(to);
  const target = cells[Math.min(cells.length - 1, Math.max(0, column + across))];
  focusCell(target);
  target.scrollIntoView({ block: "nearest" });
  if (open && !target.matches(".name")) show(atOf(target));
}
grid.addEventListener("click", (event) => {
  const cell = event.target.closest(".cell, .name");
  const at = cell && atOf(cell);
  if (!at || String(getSelection())) return;
  focusCell(cell);
  if (at.head && !at.rule && at.line === at.row.el && (at.row.rules.length || at.row.options.length)) unfold(at.row, !unfolded(at.row));
  else { cameFrom = cell; show(at, innerWidth <= 560); }
});
grid.addEventListener("keydown", (event) => {
  const cell = event.target.closest(".cell, .name");
  if (!cell || event.altKey || event.metaKey) return;
  const at = atOf(cell), head = at.head && at.line === at.row.el;
  const acts = {
    ArrowDown: () => move(cell, 1, 0), ArrowUp: () => move(cell, -1, 0),
    ArrowRight: () => head && !unfolded(at.row) && (at.row.rules.length || at.row.options.length) ? unfold(at.row, true) : move(cell, 0, 1),
    ArrowLeft: () => head && unfolded(at.row) ? unfold(at.row, false) : at.head && at.line !== at.row.el ? focusCell(at.row.el.firstChild) : move(cell, 0, -1),
    Home: () => event.ctrlKey ? move(cell, -1e6, 0) : move(cell, 0, -1e3), End: () => event.ctrlKey ? move(cell, 1e6, 0) : move(cell, 0, 1e3),
    PageDown: () => move(cell, 15, 0), PageUp: () => move(cell, -15, 0),
    Enter: () => { cameFrom = cell; head && !event.shiftKey && (at.row.rules.length || at.row.options.length) ? unfold(at.row, !unfolded(at.row)) : show(at, true); },
    " ": () => acts.Enter(),
  };
  if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
});
grid.addEventListener("focusin", (event) => {
  const cell = event.target.closest(".cell, .name");
  if (cell && cell !== current) { if (current) current.tabIndex = -1; current = cell; cell.tabIndex = 0; }
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape") {
    if ($("keys").open) return;
    if (typing && $("q").value) { state.q = ""; filter(); } else if (typing && event.target === $("q")) $("q").blur(); else hide();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || $("keys").open) {
    if (event.target === $("q") && (event.key === "ArrowDown" || event.key === "Enter")) { event.preventDefault(); const first = lines()[0]; if (first) focusCell(first.firstChild); }
    return;
  }
  const acts = {
    "/": () => { $("q").focus(); $("q").select(); }, "?": () => $("keys").showModal(), n: () => jump(1), p: () => jump(-1), t: theme,
    d: () => { state.differ = !state.differ; filter(); },
    x: () => { const rows = commands.filter((row) => !row.el.hidden), any = rows.some((row) => unfolded(row)); rows.forEach((row) => unfold(row, !any)); },
    c: () => { const button = !detail.hidden && detail.querySelector("[data-copy]"); if (button) button.click(); },
  };
  if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
});
$("q").addEventListener("input", () => { state.q = $("q").value; filter(); });
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("filters").addEventListener("reset", (event) => { event.preventDefault(); reset(); });
$("show-all").addEventListener("click", reset);
$("group").addEventListener("change", () => { state.group = $("group").value; filter(); });
$("target").addEventListener("change", () => { state.target = $("target").value; filter(); });
$("differ").addEventListener("change", () => { state.differ = $("differ").checked; filter(); });
$("filters").addEventListener("click", (event) => {
  const chip = event.target.closest(".chip"), segment = event.target.closest("[data-protocol]");
  if (chip) { state.verdicts.has(chip.dataset.verdict) ? state.verdicts.delete(chip.dataset.verdict) : state.verdicts.add(chip.dataset.verdict); filter(); }
  if (segment) { state.protocol = segment.dataset.protocol; filter(); }
});
for (const one of document.querySelectorAll(".pick")) one.addEventListener("click", () => {
  state.target = state.target === one.dataset.pick ? "" : one.dataset.pick;
  filter();
  $("matrix").scrollIntoView();
});
$("keys-open").addEventListener("click", () => $("keys").showModal());
$("theme").addEventListener("click", theme);
addEventListener("hashchange", () => follow(readAddress()));
addEventListener("resize", () => { columns(); heights(); if (open) show(open); });
addEventListener("beforeprint", print_);

// ---- theme, printing, beginning -----------------------------------------------------------------------------------

const THEMES = { "": ["◐", "as the system has it"], light: ["☀", "light"], dark: ["☾", "dark"] };
function theme() {
  const names = Object.keys(THEMES), next = names[(names.indexOf(root.dataset.theme || "") + 1) % names.length];
  setTheme(next);
  try { next ? localStorage.setItem("redlark-theme", next) : localStorage.removeItem("redlark-theme"); } catch { /* files may have no storage */ }
}
function setTheme(name) {
  const [sign, said] = THEMES[name] || THEMES[""];
  if (name) root.dataset.theme = name; else delete root.dataset.theme;
  $("theme").firstElementChild.textContent = sign;
  $("theme").setAttribute("aria-label", `Theme: ${said}`);
}
/** On paper there is nothing to open: every row is made, and what diverged stands behind the matrix. */
function print_() {
  commands.forEach(fill);
  $("printed").replaceChildren(...(findings.length ? [el("h2", { text: "Divergences" })] : []), ...findings.flatMap((one) => [
    el("h3", { text: `${one.command.replace("|", " ")} on ${targets[one.target].name}: ${one.rules.join(", ")}` }),
    el("pre", { text: `allowed: ${one.allowed.join("\n         ")}\nseen:    ${one.seen}` }), transcript(one)]));
}
function follow(at) {
  filter();
  if (!at) { if (open) hide(); return; }
  const cell = reveal(at);
  if (cell.matches(".cell")) focusCell(cell);
  show(at);
}
try { setTheme(localStorage.getItem("redlark-theme") || ""); } catch { /* files may have no storage */ }
build();
measure("redlark:first-row", began);
const asked = readAddress();
follow(asked);
const first = grid.querySelector(".command > .name");
if (first && !current) { first.tabIndex = 0; current = first; }
new ResizeObserver(columns).observe(grid);
new ResizeObserver(heights).observe($("filters"));
root.redlark = { built, data };
measure("redlark:ready", began);
