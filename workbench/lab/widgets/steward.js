// The steward's panel. All text comes from requests and is untrusted: textContent only.

const WORDS = {
  pending: "waits for you", approved: "approved", running: "running", released: "released",
  denied: "denied", cancelled: "cancelled", failed: "failed",
};
const words = (row, person) => row.state === "pending" && approvedBy(row, person)
  ? "waits for another steward" : WORDS[row.state];
const approvedBy = (row, person) => row.approvals.keys.includes(person);
const purposeOf = (row) => `${row.purpose} ${row.purpose_text}`.trim();

function facts(rows) {
  return table([], rows.filter(([, value]) => value !== "" && value !== null), { kind: "wbs-facts" });
}

function list(items) {
  return h("ul", {}, items.map((item) => h("li", {}, item)));
}

// What a pending request asks for is set aside, so `epsilon_spent` holds it already.
function gauge(budget, asked = 0) {
  const share = (value) => `${Math.min(100, 100 * value / budget.epsilon_total)}%`;
  const text = `ε ${number(budget.epsilon_left)} of ${number(budget.epsilon_total)} left, `
    + `${number(budget.epsilon_spent)} spent or set aside`
    + (budget.block ? `, most in block ${budget.block}` : "")
    + (budget.shared?.length ? `; shared with ${budget.shared.slice(0, 10).join(", ")}` : "");
  return h("div", { class: "wbs-budget" },
    h("span", { class: "wbs-budget-name" }, budget.dataset ?? ""),
    h("div", { class: "wbs-gauge", role: "meter", "aria-label": `budget ${budget.dataset ?? ""}`,
      "aria-valuemin": 0, "aria-valuemax": budget.epsilon_total,
      "aria-valuenow": budget.epsilon_left, "aria-valuetext": text },
      h("div", { class: "wbs-left", style: `width:${share(budget.epsilon_left)}` }),
      asked ? h("div", { class: "wbs-asked", style: `width:${share(asked)}` }) : null),
    h("span", { class: "wbs-budget-text" }, text));
}

function rehearsal(found) {
  if (found.state === "waiting") return "running on the snippet …";
  if (found.state === "failed") return `failed: ${found.note}`;
  const values = found.metrics.map((metric) => `${metric.name} ${number(metric.value)}`);
  return `${values.join(", ") || "ran without metrics"} (${found.note})`;
}

function changes(previous) {
  if (!previous) return "this function has not been approved before";
  if (!previous.changes.length) return "nothing has changed";
  return table(["field", "before", "now"], previous.changes.map((change) => [change.field,
    h("td", { class: "wbs-before" }, change.before.slice(0, 80)),
    h("td", { class: "wbs-after" }, change.after.slice(0, 80))]), { kind: "wbs-diff" });
}

function operators(found) {
  const names = Object.entries(found.operators)
    .map(([name, count]) => `${name.replace(/^aten\.|\.default$/g, "")} ×${count}`);
  const size = `${found.trainable.toLocaleString("en")} trained parameters, `
    + `${Math.ceil(found.archive_bytes / 1024)} KB, ${names.length} kinds of operators`;
  return h("details", {}, h("summary", {}, size), names.join(", "));
}

function plan(value) {
  if (value.kind === "statistic") {
    return `${value.rounds} noisy sums over all records, sampling rate `
      + `${number(value.sample_rate)}, bound on one unit ${number(value.max_norm)}, `
      + `noise multiplier ${number(value.noise_multiplier)}`;
  }
  return `${value.steps} steps of ${value.optimizer}, sampling rate ${number(value.sample_rate)}, `
    + `clipping norm ${number(value.max_grad_norm)}, noise multiplier `
    + `${number(value.noise_multiplier)}, learning rate ${number(value.learning_rate)}`
    + options(value);
}

// A plan names an option only if it is not at its default.
function options(value) {
  const names = ["clipping", "target_quantile", "count_noise_multiplier", "schedule",
    "warmup_steps", "evaluations", "patience"];
  return names.filter((name) => value[name] !== undefined)
    .map((name) => `, ${name.replaceAll("_", " ")} ${value[name]}`).join("");
}

function counts(found) {
  const text = (kind) => Object.entries(found[kind]).map(([name, n]) => `${name} ${n}`).join(", ");
  const clamped = text("clamped");
  const filled = text("filled");
  return [clamped && `clamped to bounds: ${clamped}`, filled && `filled: ${filled}`]
    .filter(Boolean).join("; ") || "no value was clamped or filled";
}

function approvals(row) {
  const names = row.approvals.given;
  const missing = row.approvals.needed - names.length;
  const given = names.length ? `approved by ${names.join(" and ")}` : "none yet";
  if (row.state !== "pending") return given;
  return `${given}, ${missing} ${names.length ? "more " : ""}needed`;
}

function decisionForm(model, row, person, drafts) {
  const done = approvedBy(row, person);
  const reason = h("textarea", { rows: 2, maxlength: 2000, "aria-label": "reason",
    placeholder: "Reason: the researcher will read it" });
  reason.value = drafts.get(row.digest) ?? "";
  const deny = h("button", { type: "button", class: "wbs-deny" }, "Deny");
  // Two stewards means two people: the domain refuses a second approval by the same key.
  const mine = done ? "You have approved this: another steward has to approve it too. " : "";
  const why = h("span", { class: "wbs-why", id: `why-${row.digest.slice(7, 19)}` });
  deny.setAttribute("aria-describedby", why.id);
  const update = () => {
    drafts.set(row.digest, reason.value);
    deny.disabled = !reason.value.trim();
    why.textContent = mine + (deny.disabled ? "To deny, write a reason first." : "");
  };
  const send = (verdict) => {
    approve.disabled = deny.disabled = true;
    why.textContent = "Sending the signed decision …";
    model.send({ action: "decide", domain: row.domain, digest: row.digest, verdict,
      reason: reason.value.trim() });
    drafts.delete(row.digest);
  };
  const approve = h("button", { type: "button", class: "wbs-approve",
    disabled: done, "aria-describedby": why.id,
    onclick: () => send("approve") }, "Approve");
  deny.addEventListener("click", () => send("deny"));
  reason.addEventListener("input", update);
  update();
  return h("div", { class: "wbs-form" }, reason, h("div", {}, approve, deny, why));
}

function detail(model, row, person, review, drafts) {
  const parts = [
    h("h4", {}, `${row.function} on ${row.domain}/${row.dataset}`),
    h("p", { class: "wbs-kind" }, "Private by construction: only allow-listed operators run, on one "
      + "record at a time, and what leaves is noised."),
  ];
  const rows = [
    ["who", row.researcher],
    ["purpose", purposeOf(row)],
    ["dataset version", row.version],
    ["submitted", when(row.submitted)],
    ["privacy asked", `ε ${number(row.epsilon)}, δ ${row.delta}`],
    ["plan", plan(row.plan)],
  ];
  if (review) {
    rows.push(
      ["privacy, computed here", `ε ${number(review.epsilon_run, 4)}`],
      ["budget", gauge(review.budget, row.state === "pending" ? row.epsilon : 0)],
      ["graph", operators(review.facts)],
      ["what would leave", list(review.leaves)],
      ["rehearsal on the snippet", rehearsal(review.rehearsal)],
      ["since the last approval", changes(review.previous)],
      ["terms", list(review.policy)],
      ["data", counts(review.counts)],
    );
  } else {
    rows.push(["facts", h("button", { type: "button",
      onclick: () => model.send({ action: "review", domain: row.domain, digest: row.digest }) },
      "Show all facts")]);
  }
  if (row.approvals.needed > 1) rows.push(["approvals", approvals(row)]);
  if (row.state !== "pending") {
    rows.push(["state", WORDS[row.state] + (row.failure ? `: ${row.failure}` : "")
      + (row.charged ? ", charged" : ", nothing charged")]);
    rows.push(["decided by", row.decided_by === "steward" ? `steward ${row.decider}` : row.decided_by]);
    rows.push(["reason", row.reason]);
  }
  parts.push(facts(rows));
  if (row.state === "pending") parts.push(decisionForm(model, row, person, drafts));
  return h("section", { class: "wbs-detail", "aria-label": "request" }, parts);
}

function render({ model, el }) {
  let show = "pending";
  let text = "";
  let chosen = null;
  let drawn = "";
  const drafts = new Map();
  const filter = h("input", { type: "search", placeholder: "Filter by person, dataset, purpose",
    "aria-label": "filter requests" });
  const kind = h("select", { "aria-label": "which requests" },
    [["pending", "waiting"], ["policy", "decided by policy"], ["all", "all requests"]]
      .map(([value, label]) => h("option", { value }, label)));
  const status = h("div", { class: "wbs-message", role: "status", "aria-live": "polite" });
  const domains = h("div", { role: "alert" });
  const entries = h("div", { class: "wbs-list", role: "listbox", "aria-label": "requests" });
  const pane = h("div", { class: "wbs-pane" });
  const budgets = h("div", { class: "wbs-budgets", "aria-label": "privacy budgets" });
  const people = populationsPart(model);
  filter.addEventListener("input", () => { text = filter.value.toLowerCase(); draw(true); });
  kind.addEventListener("change", () => { show = kind.value; chosen = null; draw(true); });

  function matches(row) {
    const kept = show === "all" || (show === "pending" ? row.state === "pending"
      : row.decided_by === "policy");
    return kept && [row.researcher, row.domain, row.dataset, purposeOf(row), row.function, row.state]
      .join(" ").toLowerCase().includes(text);
  }

  function entry(row, position, all, person) {
    const progress = row.progress ? ` ${row.progress.step}/${row.progress.steps}` : "";
    const shown = all.some((one) => one.digest === chosen);
    const select = (to) => { chosen = all[to]?.digest ?? chosen; draw(true);
      entries.querySelector("[aria-selected=true]")?.focus(); };
    return h("div", { role: "option", class: "wbs-entry", "data-state": row.state,
      "aria-selected": row.digest === chosen ? "true" : "false",
      // One entry is always reachable with Tab, also while the chosen one is filtered out.
      tabindex: row.digest === chosen || (position === 0 && !shown) ? 0 : -1,
      onclick: () => select(position),
      onkeydown: (event) => {
        if (event.key === "ArrowDown") { event.preventDefault(); select(position + 1); }
        if (event.key === "ArrowUp") { event.preventDefault(); select(position - 1); }
      } },
      h("strong", {}, row.function), h("span", { class: "wbs-state" }, words(row, person) + progress),
      h("div", {}, `${row.domain}/${row.dataset}, ε ${number(row.epsilon)}`),
      h("div", { class: "wbs-small" }, `${row.researcher}, ${when(row.submitted)}`));
  }

  function draw(force) {
    const view = model.get("view");
    if (view === drawn && !force) return;
    drawn = view;
    const content = JSON.parse(view);
    if (!content.requests) return;
    // Redrawing would take the text cursor out of the reason field.
    const writing = pane.contains(document.activeElement)
      && document.activeElement.tagName === "TEXTAREA";
    const found = content.requests.filter(matches);
    const still = chosen && content.requests.find((row) => row.digest === chosen);
    if (!still || (force && !found.some((row) => row.digest === chosen)))
      chosen = found[0]?.digest ?? null;
    const rest = found.length > 200 ? [h("p", {}, `and ${found.length - 200} older ones; filter`)] : [];
    const focused = entries.contains(document.activeElement);
    entries.replaceChildren(...found.slice(0, 200)
      .map((row, position, all) => entry(row, position, all, content.key_id)), ...rest);
    if (focused) entries.querySelector("[aria-selected=true]")?.focus();
    if (!found.length) entries.append(h("p", { class: "wbs-small" },
      show === "pending" ? "Nothing waits for you." : "No request matches."));
    const row = content.requests.find((one) => one.digest === chosen);
    if (!writing || !row || row.state !== "pending")
      pane.replaceChildren(row ? detail(model, row, content.key_id,
        content.reviews[row.digest], drafts) : "");
    status.textContent = content.message;
    domains.replaceChildren(...content.domains.filter((one) => one.error)
      .map((one) => h("p", { class: "wbw-error" }, one.error)));
    const more = content.budgets_in_all - content.budgets.length;
    budgets.replaceChildren(...content.budgets.map((budget) => gauge(budget)),
      ...(more ? [h("p", { class: "wbs-small" }, `and ${more} of datasets with fewer runs`)] : []));
    people.update(content);
  }

  el.classList.add("wbs");
  el.append(h("div", { class: "wbs-root", role: "region", "aria-label": "steward panel" },
    h("div", { class: "wbs-bar" }, h("strong", {}, "Steward"), kind, filter), domains, status,
    h("div", { class: "wbs-columns" }, entries, pane),
    h("details", { class: "wbs-all-budgets", open: true }, h("summary", {}, "Privacy budgets"), budgets),
    people.node));
  const onChange = () => draw(false);
  model.on("change:view", onChange);
  model.send({ action: "opened" });
  draw(true);
  return () => { model.off("change:view", onChange); model.send({ action: "closed" }); };
}

export default { render };
