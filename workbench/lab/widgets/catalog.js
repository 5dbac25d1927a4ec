
function chooser(label, first) {
  const node = h("select", { "aria-label": label }, h("option", { value: "" }, first));
  return { node, fill(values) {
    const before = node.value;
    node.replaceChildren(node.firstChild, ...values.map((value) => h("option", { value }, value)));
    node.value = values.includes(before) ? before : "";
  } };
}

function budgetOf(budget) {
  const left = 100 * Math.max(0, budget.epsilon_left / budget.epsilon_total);
  const text = `ε ${number(budget.epsilon_left)} of ${number(budget.epsilon_total)} left`
    + (budget.uses_left === null || budget.uses_left === undefined ? "" : `, ${budget.uses_left} uses left`);
  const bar = h("div", {});
  bar.style.width = `${left}%`;
  return h("span", {}, h("span", { class: "wbw-meter", role: "meter", "aria-label": "privacy left",
    "aria-valuemin": 0, "aria-valuemax": budget.epsilon_total, "aria-valuenow": budget.epsilon_left,
    "aria-valuetext": text }, bar), text);
}

function detailOf(entry, detail) {
  const code = `space.dataset("${entry.path}")`;
  const copied = h("span", { class: "wbw-small", role: "status" });
  const snippet = detail.snippet;
  return [
    h("h4", {}, detail.title),
    h("p", { class: "wbw-small" }, `${entry.path}, about ${entry.records.toLocaleString("en")} `
      + `${entry.unit}s, version ${detail.version}`),
    h("p", {}, detail.description),
    h("p", {}, h("code", {}, code), " ", h("button", { type: "button", onclick: async () => {
      await navigator.clipboard.writeText(code);
      copied.textContent = " copied";
    } }, "Copy"), copied),
    table([], [["budget", budgetOf(detail.budget)], ["citation", detail.citation],
      ["licence", detail.licence], ...detail.terms.rows].filter(([, value]) => value !== ""), { label: "facts" }),
    h("details", {}, h("summary", {}, "Terms of use"), h("p", { class: "wbc-terms" }, detail.terms.text)),
    h("details", { open: true }, h("summary", {}, `Schema: ${detail.schema.length} columns`),
      table(["column", "kind", "role", "public bounds or categories", "description"],
        detail.schema.slice(0, 200).map((c) => [c.name, c.kind + (c.shape ? ` ${c.shape.join("×")}` : ""),
          c.role, c.values, c.description]), { label: "schema" })),
    snippet.rows.length ? h("details", { open: true }, h("summary", {}, `Snippet: ${snippet.words}`),
      table(snippet.columns, snippet.rows.slice(0, 8).map((row) => row.map((cell) =>
        typeof cell === "number" ? number(cell, 4) : String(cell ?? ""))), { label: "snippet" })) : null,
  ];
}

function render({ model, el }) {
  let entries = [];
  let open = null;
  const details = new Map();
  const search = h("input", { type: "search", "aria-label": "search datasets",
    placeholder: "Search names, titles, columns, purposes" });
  const domain = chooser("domain", "all domains");
  const kind = chooser("kind of data", "all kinds");
  const approval = chooser("approval", "any approval");
  const left = h("input", { type: "checkbox", id: "wbc-left" });
  const count = h("span", { class: "wbw-small", role: "status", "aria-live": "polite" });
  const problems = h("div", { role: "alert" });
  const pane = h("section", { class: "wbc-pane", "aria-label": "dataset" },
    h("p", { class: "wbw-small" }, "Choose a dataset to see its columns, terms, budget and snippet."));
  const list = virtualList({ label: "datasets", rowHeight: 54, empty: "Asking the domains …",
    draw: (entry) => [h("div", {}, h("strong", {}, entry.title)),
      h("div", { class: "wbw-small" }, `${entry.path} · ${entry.kind} · about `
        + `${entry.records.toLocaleString("en")} ${entry.unit}s · ε `
        + (entry.epsilon_left === null ? `${number(entry.epsilon_total)} in all`
          : `${number(entry.epsilon_left)} left`))],
    open: (entry) => {
      open = entry;
      if (!details.has(entry.path)) showing(h("p", { class: "wbw-small" }, `Opening ${entry.path} …`));
      else showing(detailOf(entry, details.get(entry.path)));
      model.send({ action: "open", domain: entry.domain, name: entry.name });
    } });

  function showing(...content) { pane.replaceChildren(...content.flat().filter(Boolean)); }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = entries.filter((entry) =>
      words.every((word) => entry.text.includes(word))
      && (!domain.node.value || entry.domain === domain.node.value)
      && (!kind.node.value || entry.kind === kind.node.value)
      && (!approval.node.value || entry.approval === approval.node.value)
      && (!left.checked || entry.epsilon_left === null || entry.epsilon_left > 0.01));
    count.textContent = found.length === entries.length ? `${found.length.toLocaleString("en")} datasets`
      : `${found.length.toLocaleString("en")} of ${entries.length.toLocaleString("en")} datasets`;
    list.set(found, (entry) => open !== null && entry.path === open.path);
  }

  async function take(message, buffers) {
    if (message.kind === "catalog") {
      const stream = new Blob([buffers[0]]).stream().pipeThrough(new DecompressionStream("gzip"));
      const content = JSON.parse(await new Response(stream).text());
      entries = content.datasets.map((entry) => ({ ...entry, text: [entry.path, entry.title,
        ...entry.fields, ...entry.purposes].join(" ").toLowerCase() }));
      if (message.contains) entries = entries.filter((entry) =>
        [entry.path, entry.title, ...entry.purposes].join(" ").toLowerCase().includes(message.contains));
      const kinds = (name) => [...new Set(entries.map((entry) => entry[name]))].sort();
      domain.fill(kinds("domain"));
      kind.fill(kinds("kind"));
      approval.fill(kinds("approval"));
      problems.replaceChildren(...problemsOf(content.problems));
      list.node.lastChild.textContent = entries.length ? "No dataset matches."
        : "The domains offer no dataset.";
      filter();
    } else if (message.kind === "dataset" && open && message.path === open.path) {
      if (message.error) showing(h("p", { class: "wbw-error" }, message.error));
      else { details.set(message.path, message.detail); showing(detailOf(open, message.detail)); }
    } else if (message.kind === "message") {
      problems.replaceChildren(h("p", { class: "wbw-error" }, message.message));
    }
  }

  search.addEventListener("input", filter);
  for (const one of [domain.node, kind.node, approval.node, left]) one.addEventListener("change", filter);
  el.append(h("div", { class: "wbw", role: "region", "aria-label": "catalog" },
    h("div", { class: "wbw-bar" }, h("strong", {}, "Data space"), search, domain.node, kind.node,
      approval.node, h("label", {}, left, " budget left"), count),
    problems, h("div", { class: "wbc-columns" }, list.node, pane)));
  model.on("msg:custom", take);
  model.send({ action: "opened" });
  list.paint();
  return () => { model.off("msg:custom", take); model.send({ action: "closed" }); };
}

export default { render };
