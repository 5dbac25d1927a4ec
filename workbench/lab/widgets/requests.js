
const FINAL = ["released", "denied", "cancelled", "failed"];

function progressOf(row) {
  if (!row.progress || row.state !== "running") return null;
  const { step, steps } = row.progress;
  const bar = h("div", {});
  bar.style.width = `${100 * step / steps}%`;
  return h("div", {}, h("span", { class: "wbw-meter", role: "progressbar", "aria-valuemin": 0,
    "aria-valuemax": steps, "aria-valuenow": step, "aria-label": `${row.kind === "statistic" ? "rounds" : "steps"} of ${row.function}` }, bar),
    h("span", { class: "wbw-small" }, `${step} of ${steps}`));
}

function whyOf(row) {
  // A policy's reason says itself that it is one.
  const who = row.decided_by === "steward" ? row.decider || "the steward" : "";
  const approvals = row.approvals.needed > 1 && row.state === "pending"
    ? `${row.approvals.given.length} of ${row.approvals.needed} approvals` : "";
  return [row.failure_words, who && row.reason ? `${who}: ${row.reason}` : row.reason || who, approvals]
    .filter(Boolean).join("; ");
}

function render({ model, el }) {
  let requests = [];
  let text = "";
  const asked = new Set();
  const search = h("input", { type: "search", "aria-label": "filter requests",
    placeholder: "Filter by dataset, function, purpose, state" });
  const count = h("span", { class: "wbw-small", role: "status", "aria-live": "polite" });
  const message = h("div", { class: "wbw-message", role: "status", "aria-live": "polite" });
  const problems = h("div", { role: "alert" });
  const body = h("tbody", {});
  const rows = new Map();

  function cancelOf(row) {
    if (FINAL.includes(row.state)) return "";
    const waits = asked.has(row.digest);
    const button = h("button", { type: "button", "aria-label": `Cancel ${row.function} on ${row.path}`,
      disabled: waits || !row.can_cancel, title: row.why_not_cancel || null, onclick: () => {
        asked.add(row.digest);
        button.disabled = true;
        model.send({ action: "cancel", domain: row.domain, digest: row.digest });
      } }, waits ? "Cancelling …" : "Cancel");
    return button;
  }

  function cells(row) {
    return cellsOf([
      [h("strong", {}, row.function), h("div", { class: "wbw-small" }, row.digest.slice(7, 19))],
      [row.path, h("div", { class: "wbw-small" }, row.mine ? "" : row.researcher)],
      `ε ${number(row.epsilon)}`,
      [h("span", { class: "wbr-state", "data-state": row.state }, row.state_words), progressOf(row)],
      whyOf(row),
      when(row.submitted),
      cancelOf(row),
    ]);
  }

  // A row that did not change stays as it is: what somebody is about to click must not move.
  function draw() {
    const found = requests.filter((row) => [row.path, row.function, row.researcher, row.state_words,
      row.purpose, row.purpose_text, row.digest].join(" ").toLowerCase().includes(text)).slice(0, 200);
    const kept = found.map((row) => {
      const mark = JSON.stringify(row) + asked.has(row.digest);
      const known = rows.get(row.digest);
      if (known?.mark === mark) return known.node;
      const node = known?.node ?? h("tr", { "data-digest": row.digest });
      const focused = node.contains(document.activeElement);
      node.replaceChildren(...cells(row));
      if (focused) node.querySelector("button")?.focus();
      rows.set(row.digest, { node, mark });
      return node;
    });
    const same = kept.length === body.children.length && kept.every((node, i) => body.children[i] === node);
    if (!same) body.replaceChildren(...kept);
    const open = requests.filter((row) => !FINAL.includes(row.state)).length;
    count.textContent = `${requests.length} request${requests.length === 1 ? "" : "s"}, ${open} open`
      + (found.length < requests.length ? `, ${found.length} shown` : "");
  }

  function take(news) {
    if (news.kind === "requests") {
      requests = news.requests;
      for (const row of requests) if (FINAL.includes(row.state)) asked.delete(row.digest);
      problems.replaceChildren(...problemsOf(news.problems));
      draw();
    } else if (news.kind === "message") {
      message.textContent = news.message;
      asked.clear();
      draw();
    }
  }

  search.addEventListener("input", () => { text = search.value.toLowerCase(); draw(); });
  count.textContent = "Asking the domains …";
  el.append(h("div", { class: "wbw", role: "region", "aria-label": "requests" },
    h("div", { class: "wbw-bar" }, h("strong", {}, "Requests"), search, count), problems, message,
    table(["function", "dataset", "privacy", "state", "why", "submitted", ""], body,
      { label: "requests", around: "wbr-rows" })));
  model.on("msg:custom", take);
  model.send({ action: "opened" });
  return () => { model.off("msg:custom", take); model.send({ action: "closed" }); };
}

export default { render };
