// The choice of a profile on every page, the filter of the index of commands, and the playground. No library, no network.
(function () {
  "use strict";
  var profiles = window.redlarkProfiles || [];
  var KEY = "redlark-profile";

  function remembered() {
    try { return localStorage.getItem(KEY) || ""; } catch (error) { return ""; }
  }
  function remember(value) {
    try { localStorage.setItem(KEY, value); } catch (error) { /* a page from a file may not keep anything */ }
  }
  function element(tag, attributes, children) {
    var made = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) { made.setAttribute(name, attributes[name]); });
    (children || []).forEach(function (child) { made.append(child); });
    return made;
  }
  function choice(first, label) {
    var select = element("select", { "aria-label": label });
    select.append(element("option", { value: "" }, [first]));
    profiles.forEach(function (name) { select.append(element("option", { value: name }, [name])); });
    return select;
  }
  function has(mask, profile) { return Boolean((mask >> profiles.indexOf(profile)) & 1); }

  // Marks what does not hold in `profile`; beside `other`, what only one of the two has.
  function show(root, profile, other) {
    root.querySelectorAll("[data-p]").forEach(function (node) {
      var mask = Number(node.getAttribute("data-p"));
      var here = !profile || has(mask, profile), there = Boolean(other) && has(mask, other);
      node.classList.toggle("rl-off", !here && !there);
      node.classList.toggle("rl-only-a", Boolean(profile && other) && here && !there);
      node.classList.toggle("rl-only-b", Boolean(profile && other) && !here && there);
    });
  }

  function bars() {
    document.querySelectorAll("[data-rl-profiles]").forEach(function (bar) {
      var select = choice("all versions at once", "Profile");
      select.value = remembered();
      bar.replaceChildren(element("label", {}, ["Read as ", select]));
      var apply = function () { show(document, select.value, ""); };
      select.addEventListener("change", function () { remember(select.value); apply(); });
      apply();
    });
    document.querySelectorAll("[data-rl-find]").forEach(function (box) {
      var input = element("input", { type: "search", placeholder: "Filter commands", "aria-label": "Filter commands" });
      box.replaceChildren(input);
      input.addEventListener("input", function () {
        var wanted = input.value.trim().toLowerCase();
        document.querySelectorAll(".rl-commands").forEach(function (list) {
          var some = false;
          list.querySelectorAll("li").forEach(function (row) {
            var hit = row.textContent.toLowerCase().includes(wanted);
            row.hidden = !hit;
            some = some || hit;
          });
          list.hidden = !some;
          if (list.previousElementSibling) { list.previousElementSibling.hidden = !some; }
        });
      });
    });
  }

  function reader(box) {
    var commands = window.redlarkCommands || [], slugs = new Map(commands), asked = "";
    var input = element("input", { list: "rl-names", value: "SET", spellcheck: "false", autocomplete: "off" });
    var names = element("datalist", { id: "rl-names" },
      commands.map(function (row) { return element("option", { value: row[0] }); }));
    var first = choice("all versions at once", "Profile"), second = choice("no other", "Beside");
    var hide = element("input", { type: "checkbox" });
    var out = element("div", { "aria-live": "polite" });
    var said = new URLSearchParams(location.hash.slice(1));
    if (said.get("command")) { input.value = said.get("command"); }
    first.value = said.get("profile") || remembered();
    second.value = said.get("beside") || "";
    hide.checked = said.get("hide") === "1";
    box.replaceChildren(
      element("div", { class: "rl-controls" }, [
        element("label", {}, ["Command", input]), names, element("label", {}, ["Profile", first]),
        element("label", {}, ["Beside", second]), element("label", { class: "rl-check" }, [hide, "hide what does not hold"]),
      ]), out);

    function apply() {
      var state = new URLSearchParams({ command: input.value });
      if (first.value) { state.set("profile", first.value); }
      if (second.value) { state.set("beside", second.value); }
      if (hide.checked) { state.set("hide", "1"); }
      history.replaceState(null, "", "#" + state.toString());
      second.disabled = !first.value;
      out.classList.toggle("rl-hide", hide.checked);
      show(out, first.value, first.value ? second.value : "");
      var note = out.querySelector("[data-rl-note]");
      if (!note) { return; }
      var mask = Number(note.getAttribute("data-rl-note")), lacks = [first.value, first.value && second.value]
        .filter(function (name) { return name && !has(mask, name); });
      note.textContent = lacks.length ? lacks.join(" and ") + " has no such command." : "";
      out.querySelector(".rl-key").hidden = !(first.value && second.value);
      out.querySelector(".rl-only-a").textContent = "only " + first.value;
      out.querySelector(".rl-only-b").textContent = "only " + second.value;
    }
    function load() {
      var name = input.value.trim().toUpperCase(), slug = slugs.get(name);
      if (!slug) { return; }
      input.value = name;
      asked = name;
      document.head.append(element("script", { src: "assets/reader/" + slug + ".js" }));
    }
    window.redlarkReader = function (told) {
      if (told.name !== asked) { return; }
      var parts = [
        '<h2><a href="' + told.page + '">' + told.name + "</a></h2><p>" + told.summary + "</p>",
        '<p data-rl-note="' + told.mask + '"></p>',
        '<p class="rl-key" hidden><span class="rl-only-a"></span> <span class="rl-only-b"></span></p>',
        '<div class="rl-railroad">' + told.diagram + "</div>",
        '<pre class="rl-text">' + told.syntax + '</pre><h3>Rules</h3><pre class="rl-text">' + told.rules + "</pre>",
      ];
      if (told.shared.length) { parts.push("<h3>What it uses</h3>"); }
      told.shared.forEach(function (one) { parts.push('<pre class="rl-text">' + one.html + "</pre>"); });
      out.innerHTML = parts.join("");
      apply();
    };
    input.addEventListener("change", load);
    input.addEventListener("input", load);
    input.addEventListener("focus", function () { input.select(); });
    [first, second, hide].forEach(function (control) { control.addEventListener("change", apply); });
    load();
  }

  function begin() {
    bars();
    document.querySelectorAll("[data-rl-reader]").forEach(reader);
  }
  if (document.readyState === "loading") { document.addEventListener("DOMContentLoaded", begin); } else { begin(); }
})();
