// What all widgets share. Text comes from domains and people and is untrusted: textContent only.

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, String(value));
  }
  for (const child of children.flat(2)) {
    if (child !== null && child !== undefined && child !== false)
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

const number = (value, digits = 3) =>
  Number(value).toLocaleString("en", { maximumSignificantDigits: digits });
const when = (text) => `${text.slice(0, 16).replace("T", " ")} UTC`;

// A cell may be a node of its own: with a class, or as the head of its row.
function cellsOf(row, heads = false) {
  return row.map((cell, i) => cell instanceof HTMLTableCellElement ? cell
    : heads && i === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, cell));
}

// `rows` are lists of cells, or a body that is kept. Without a header each row begins with its head.
function table(header, rows, { label, kind, around = "", heads = !header.length } = {}) {
  const body = rows instanceof Node ? rows
    : h("tbody", {}, rows.map((row) => h("tr", {}, cellsOf(row, heads))));
  return h("div", { class: `wbw-wide ${around}` }, h("table", { class: kind, "aria-label": label },
    header.length ? h("thead", {}, h("tr", {}, header.map((t) => h("th", { scope: "col" }, t)))) : null,
    body));
}

function problemsOf(list) {
  return list.map((one) => h("p", { class: "wbw-error" }, `${one.domain}: ${one.message} ${one.hint}`));
}

// Draws only the rows that can be seen: ten thousand are as quick as ten.
function virtualList({ label, rowHeight, empty, draw, open }) {
  let items = [];
  let chosen = -1;
  const spacer = h("div", { class: "wbw-spacer" });
  const node = h("div", { class: "wbw-list", role: "listbox", "aria-label": label, tabindex: 0 }, spacer);
  const note = h("p", { class: "wbw-small" }, empty);

  function paint() {
    const first = Math.max(0, Math.floor(node.scrollTop / rowHeight) - 5);
    const last = Math.min(items.length, first + Math.ceil((node.clientHeight || 420) / rowHeight) + 10);
    spacer.style.height = `${items.length * rowHeight}px`;
    const rows = [];
    for (let i = first; i < last; i++) {
      const row = h("div", { role: "option", class: "wbw-row", id: `${label}-${i}`,
        "aria-selected": i === chosen ? "true" : "false", "aria-setsize": items.length,
        "aria-posinset": i + 1, onclick: () => choose(i) }, draw(items[i]));
      row.style.top = `${i * rowHeight}px`;
      row.style.height = `${rowHeight}px`;
      rows.push(row);
    }
    spacer.replaceChildren(...rows);
    if (chosen >= 0) node.setAttribute("aria-activedescendant", `${label}-${chosen}`);
    else node.removeAttribute("aria-activedescendant");
    note.hidden = items.length > 0;
  }

  function choose(position) {
    if (position < 0 || position >= items.length) return;
    chosen = position;
    const top = position * rowHeight;
    if (top < node.scrollTop) node.scrollTop = top;
    if (top + rowHeight > node.scrollTop + node.clientHeight)
      node.scrollTop = top + rowHeight - node.clientHeight;
    paint();
    open(items[position]);
  }

  node.addEventListener("scroll", () => requestAnimationFrame(paint));
  node.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, Home: 0, End: items.length - 1,
      PageDown: Math.min(chosen + 8, items.length - 1), PageUp: Math.max(chosen - 8, 0) };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    choose(moves[event.key]);
  });
  node.append(note);
  return {
    node, paint,
    set(found, isChosen) { items = found; chosen = found.findIndex(isChosen); paint(); },
  };
}
