// Populations in the steward's panel; one module with parts.js and steward.js, and uses both.
// Nodes with forms are made once and stay: what is being typed survives news from the domains.

const LINES = ["#2f81d6", "#c9730a", "#17936a", "#c2559d", "#8a6ad0", "#7d8a10", "#b0543c", "#77818c"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
const CHART = { width: 600, height: 170, left: 42, right: 592, top: 14, bottom: 140 };

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

function stroke(position) {
  return { class: "wbs-line", stroke: LINES[position % LINES.length],
    "stroke-dasharray": DASHES[position % DASHES.length] };
}

const blockName = (block, alone) => block || (alone ? "everybody" : "blocks to come");

function more(all, shown, words) {
  return all > shown ? h("p", { class: "wbs-small" }, `and ${all - shown} ${words}`) : null;
}

function blockTable(status) {
  return [table(["block", "spent at most", "left", "runs"], status.blocks.map((block) =>
    [blockName(block.block, false), `ε ${number(block.epsilon_spent)}`,
      `ε ${number(block.epsilon_left)}`, block.runs]),
  { label: `blocks of ${status.population.name}`, kind: "wbs-diff wbs-blocks", heads: true }),
  more(status.blocks_in_all, status.blocks.length, "blocks of which less was spent")];
}

function spentChart(status, blocks) {
  const lines = blocks.filter((line) => line.points.length);
  if (!lines.length) return h("p", { class: "wbs-small" }, "Nothing was spent yet.");
  const total = status.population.epsilon_total;
  const points = lines.flatMap((line) => line.points);
  const times = points.map((point) => Date.parse(point.time));
  const [first, last] = [Math.min(...times), Math.max(...times, Date.now())];
  const most = Math.max(total, ...points.map((point) => point.epsilon_spent));
  const { width, height, left, right, top, bottom } = CHART;
  const x = (time) => (left + (right - left) * (time - first) / Math.max(1, last - first)).toFixed(1);
  const y = (spent) => (bottom - (bottom - top) * spent / most).toFixed(1);
  const steps = (line) => `M${left} ${bottom}` + line.points.map((point) =>
    `H${x(Date.parse(point.time))}V${y(point.epsilon_spent)}`).join("") + `H${right}`;
  const words = lines.map((line) => `${blockName(line.block, status.blocks_in_all < 2)}: ε `
    + number(line.points[line.points.length - 1].epsilon_spent));
  const dates = [first, last].map((time) => when(new Date(time).toISOString()));
  const text = (content, at) => svg("text", at, content);
  return h("div", { class: "wbw-wide" }, svg("svg", { class: "wbs-chart", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Spent at most, of ε ${number(total)}, from ${dates.join(" to ")}. Now ${words.join(", ")}.` },
    svg("path", { class: "wbs-axis", d: `M${left} ${top}V${bottom}H${right}` }),
    svg("path", { class: "wbs-total", d: `M${left} ${y(total)}H${right}` }),
    text(`ε ${number(total)}`, { x: left - 5, y: Number(y(total)) + 4, "text-anchor": "end" }),
    text("0", { x: left - 5, y: bottom + 4, "text-anchor": "end" }),
    text(dates[0], { x: left, y: bottom + 18 }),
    text(dates[1], { x: right, y: bottom + 18, "text-anchor": "end" }),
    ...lines.map((line, i) => svg("path", { ...stroke(i), d: steps(line) }))),
  h("ul", { class: "wbs-legend" }, words.map((word, i) => h("li", {},
    svg("svg", { viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" },
      svg("path", { ...stroke(i), d: "M0 4H28" })), word))));
}

function spentOverTime(status, history) {
  if (!history) return h("p", { class: "wbs-small" }, "Asking the domain what was spent over time …");
  if (history.error) return h("p", { class: "wbw-error" }, history.error);
  return spentChart(status, history.blocks);
}

function field(label, attributes = {}) {
  const input = h("input", { type: "text", autocomplete: "off", ...attributes });
  return { input, node: h("label", { class: "wbs-field" }, h("span", {}, label), input) };
}

const amount = (label, attributes = {}) => field(label, { type: "number", step: "any", min: 0,
  max: 100, ...attributes });
const given = ({ input }) => input.value.trim();
const numberIn = ({ input }) => input.value === "" ? null : input.valueAsNumber;

// The button stays where it is while a message is under way, so the keyboard's focus does too.
function form(ask, label, note, nodes, button, message) {
  const why = h("span", { class: "wbs-why" });
  let sent = false;
  const node = h("form", { class: "wbs-form", "aria-label": label, oninput: () => {
    if (!sent) why.textContent = "";
  }, onkeydown: (event) => {
    // JupyterLab keeps the key from what a browser does with it in a form.
    if (event.key !== "Enter" || !event.target.matches("input:not([type=checkbox])")) return;
    event.preventDefault();
    node.requestSubmit();
  }, onsubmit: (event) => {
    event.preventDefault();
    if (sent) return;
    sent = true;
    why.textContent = "Sending …";
    ask(message(), (ok, words) => {
      sent = false;
      why.textContent = words;
      if (ok) node.reset();
    });
  } }, h("p", { class: "wbs-small" }, note), h("div", { class: "wbs-fields" }, nodes),
  h("div", {}, h("button", { type: "submit" }, button), why));
  return h("details", { class: "wbs-act" }, h("summary", {}, label), node);
}

const TWO = "You sign this with your key. It is done when a second steward agrees, within 30 days.";

function optOutForm(ask, to) {
  const person = field("label of the person", { required: true, maxlength: 500 });
  const understood = h("input", { type: "checkbox", required: true });
  return form(ask, "Let a person opt out", "Give the label as the unit column of the files has it.",
    [person.node, h("label", { class: "wbs-check" }, understood, h("span", {}, "I understand: nothing "
      + "starts any more on data that hold this person. Requests that wait on them are refused. What "
      + "was spent stays spent. It cannot be undone."))],
    "Opt out", () => ({ ...to, action: "opt-out", person: person.input.value,
      understood: understood.checked }));
}

function raiseForm(ask, to) {
  const total = amount("new epsilon in all", { required: true });
  return form(ask, "Raise the total", `Each person was promised less. ${TWO}`, [total.node],
    "Sign and propose", () => ({ ...to, action: "raise-total", epsilon_total: numberIn(total) }));
}

function mergeForm(ask, to) {
  const other = h("select", { required: true }, h("option", { value: "" }, "choose one"));
  const node = form(ask, "Merge another population into this one", "Both have one total together, "
    + "the lower of the two, and what was spent on either counts for both. It cannot be undone. "
    + TWO, [h("label", { class: "wbs-field" }, h("span", {}, "other population"), other)],
    "Sign and propose", () => ({ ...to, action: "merge", merge: other.value }));
  return { node, offer(names) {
    node.hidden = !names.length;
    // A list that is open must not change under the hand.
    if (names.join() === [...other.options].slice(1).map((one) => one.value).join()) return;
    const before = other.value;
    other.replaceChildren(other.firstChild, ...names.map((name) => h("option", { value: name }, name)));
    other.value = names.includes(before) ? before : "";
  } };
}

function createForm(ask, domain) {
  const name = field("name", { required: true, maxlength: 64, pattern: "[a-z0-9]([a-z0-9\\-]*[a-z0-9])?",
    title: "lower case letters, digits and inner hyphens" });
  const title = field("title, for people", { maxlength: 500 });
  const unit = field("unit: person, or record", { required: true, maxlength: 500, value: "person" });
  const total = amount("epsilon in all", { required: true });
  const delta = amount("delta, much less than one in so many people", { required: true, max: 0.01 });
  const uses = field("runs at most (empty: any)", { type: "number", step: 1, min: 1 });
  const each = amount("epsilon per researcher (empty: any)");
  const blocks = field("block column (empty: no blocks)", { maxlength: 500 });
  return form(ask, "New population", "Make it before its first dataset. The caps hold for each of its "
    + "people, over all datasets. To raise the total later takes two stewards.",
    [name, title, unit, total, delta, uses, each, blocks].map((one) => one.node), "Make population",
    () => ({ action: "create-population", domain, name: given(name), title: given(title),
      unit: given(unit), epsilon_total: numberIn(total), delta: numberIn(delta), uses: numberIn(uses),
      epsilon_per_researcher: numberIn(each), blocks: given(blocks) }));
}

function summaryOf({ population, datasets, datasets_in_all }) {
  const hidden = datasets_in_all - datasets.length;
  const shared = datasets.length ? `dataset${datasets_in_all > 1 ? "s" : ""} ${datasets.join(", ")}`
    + (hidden ? ` and ${hidden} more` : "") : "no dataset yet";
  return (population.title ? `${population.title}: ` : "")
    + `ε ${number(population.epsilon_total)} at δ ${population.delta} for each ${population.unit}; ${shared}`;
}

function capsOf({ population }) {
  return [population.uses !== null && `at most ${population.uses} runs`,
    population.epsilon_per_researcher !== null
      && `at most ε ${number(population.epsilon_per_researcher)} for one researcher`,
    population.blocks && `blocks by column ${population.blocks}`].filter(Boolean).join(", ");
}

function populationPart(model, ask, domain, name) {
  const to = { domain, name };
  const left = h("div", {});
  const summary = h("summary", {});
  const told = h("div", {});
  const spent = h("div", {});
  const merge = mergeForm(ask, to);
  const forms = h("div", {}, raiseForm(ask, to), merge.node);
  const details = h("details", { class: "wbs-population", ontoggle: () => {
    if (details.open) model.send({ ...to, action: "history" });
  } }, summary, told, h("h5", {}, "Spent over time, at most"), spent, forms);
  let optOut = null;
  let drawn = "";
  return { node: h("div", {}, left, details), update(status, history, names) {
    const { population, blocks } = status;
    // A single record has no label.
    if (!optOut && population.unit !== "record") forms.prepend(optOut = optOutForm(ask, to));
    merge.offer(names);
    forms.hidden = Boolean(population.merged_into);
    const mark = JSON.stringify([status, history]);
    if (mark === drawn) return;
    drawn = mark;
    const first = blocks[0] ?? { block: "", epsilon_spent: 0, epsilon_left: population.epsilon_total };
    left.replaceChildren(population.merged_into ? h("div", {}, name)
      : gauge({ dataset: name, epsilon_total: population.epsilon_total, ...first }));
    summary.textContent = population.merged_into ? `merged into ${population.merged_into}` : summaryOf(status);
    told.replaceChildren(h("p", { class: "wbs-small" }, capsOf(status)),
      ...(blocks.length > 1 ? blockTable(status).filter(Boolean) : []));
    spent.replaceChildren(spentOverTime(status, history));
  } };
}

function changeRow(ask, domain, change) {
  const why = h("span", { class: "wbs-why" });
  const agree = h("button", { type: "button", onclick: () => {
    agree.disabled = true;
    why.textContent = "Signing …";
    ask({ action: "agree", domain, change: change.digest }, (ok, words) => {
      agree.disabled = ok;
      why.textContent = words;
    });
  } }, "Agree");
  return h("li", {}, h("div", {}, change.words),
    h("div", { class: "wbs-small" }, `signed by ${change.by.join(" and ")}; proposed ${when(change.change.proposed)}`),
    change.mine ? h("div", { class: "wbs-why" }, "waits for another steward") : h("div", {}, agree, why));
}

function keep(node, children) {
  const same = children.length === node.children.length
    && children.every((child, i) => node.children[i] === child);
  if (!same) node.replaceChildren(...children);
}

function domainPart(model, ask, domain) {
  const heading = h("h4", { tabindex: -1 }, domain);
  const problem = h("p", { class: "wbw-error" });
  const changes = h("div", { class: "wbs-form wbs-changes" });
  const list = h("div", {});
  const rest = h("div", {});
  const create = createForm(ask, domain);
  const parts = new Map();
  let waiting = "";
  return { node: h("section", { "aria-label": `populations of ${domain}` }, heading, problem, changes,
    list, rest, create), update(section, histories) {
    const { populations } = section;
    problem.textContent = section.error;
    create.hidden = Boolean(section.error) && !populations.length;
    if (waiting !== JSON.stringify(section.changes)) {
      waiting = JSON.stringify(section.changes);
      if (changes.contains(document.activeElement)) heading.focus();
      changes.replaceChildren(...(section.changes.length ? [h("h5", {}, "Waits for a second steward"),
        h("ul", {}, section.changes.map((change) => changeRow(ask, domain, change)))] : []));
    }
    const open = populations.map((one) => one.population).filter((one) => !one.merged_into && !one.blocks);
    keep(list, populations.map((status) => {
      const { name, unit } = status.population;
      if (!parts.has(name)) parts.set(name, populationPart(model, ask, domain, name));
      parts.get(name).update(status, histories[`${domain}/${name}`],
        open.filter((one) => one.unit === unit && one.name !== name).map((one) => one.name));
      return parts.get(name).node;
    }));
    rest.replaceChildren(more(section.in_all, populations.length, "populations of which less was spent") ?? "");
  } };
}

function populationsPart(model) {
  const parts = new Map();
  const asked = new Map();
  const body = h("div", {});
  const node = h("details", { class: "wbs-populations", ontoggle: () => {
    if (node.open) model.send({ action: "populations" });
  } }, h("summary", {}, "Populations"), h("p", { class: "wbs-small" }, "A population is a set of "
    + "people. The budget is theirs: whatever is published about them counts together."), body);

  function ask(message, answered) {
    const ticket = Math.random().toString(36).slice(2);
    asked.set(ticket, answered);
    model.send({ ...message, ticket });
  }

  return { node, update(content) {
    keep(body, (content.populations ?? []).map((section) => {
      const name = section.domain;
      if (!parts.has(name)) parts.set(name, domainPart(model, ask, name));
      parts.get(name).update(section, content.histories);
      return parts.get(name).node;
    }));
    const answered = asked.get(content.answer.ticket);
    asked.delete(content.answer.ticket);
    answered?.(content.answer.ok, content.answer.words);
  } };
}

