// Lights what a cell meets.
(() => {
  if (!known) return;
  const { data, products, compare, make, symbol, cell, nameOf, math, term, partial } = known;
  const panel = document.getElementById("panel");
  const nothing = panel.innerHTML;
  const MOST = 25; // terms and cells that the panel lists
  let lit = []; // [element, class] to be put out
  let pinned = null; // the cell that the keyboard or a tap chose

  // Cells: {role, index}, where index is (sample, channel, row, column) as in the derivation.
  const tables = new Map();
  for (const table of document.querySelectorAll("#picture [role=grid]")) {
    const role = table.closest("[data-role]").dataset.role;
    tables.set(`${role}:${table.dataset.leading}`, table);
  }
  const locate = (td) => {
    const table = td.closest("[role=grid]");
    const leading = table.dataset.leading.split(",").map(Number);
    const role = table.closest("[data-role]").dataset.role;
    return { role, index: [...leading, td.parentNode.rowIndex, td.cellIndex] };
  };
  const element = ({ role, index: [n, c, row, column] }) =>
    tables.get(`${role}:${n},${c}`)?.rows[row]?.cells[column];

  // What the panel says.
  function sum(head, terms) {
    const nodes = [math(...head)];
    const add = (...children) => nodes.push(document.createElement("wbr"), math(make("mrow"), ...children));
    if (!terms.length) add(make("mo", "="), make("mn", "0"));
    terms.slice(0, MOST).forEach((parts, at) => add(make("mo", at ? "+" : "="), ...parts));
    if (terms.length > MOST) add(make("mo", "+"), make("mo", "⋯"));
    return nodes;
  }
  function entry(list, word, ...content) {
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = data.words[word];
    const line = document.createElement("span");
    if (content.some((part) => part.nodeType)) line.dir = "ltr"; // mathematics, in any language
    line.append(...content);
    dd.append(line);
    list.append(dt, dd);
  }
  function cells(role, met) {
    const unique = new Map(met.map((product) => [product[role].join(), product[role]]));
    const listed = [...unique.values()].sort(compare);
    if (!listed.length) return [data.words.none];
    const nodes = listed.slice(0, MOST).flatMap((index, at) => [at ? ", " : "", math(cell(role, index))]);
    return listed.length > MOST ? [...nodes, `, … (${listed.length})`] : nodes;
  }
  function tell({ role, index }, met) {
    const list = document.createElement("dl");
    if (role === "X") {
      const positions = new Set(met.map(({ Y: [, , i, j] }) => `${i},${j}`)).size;
      entry(list, "pixel", math(cell("X", index)));
      entry(list, "case", data.cases[positions]);
      entry(list, "outputs", ...cells("Y", met));
      const terms = met.map(({ Y, K }) => term(["G", Y], ["K", K]));
      entry(list, "gradient", ...sum(partial(cell("X", index)), terms));
    } else if (role === "K") {
      entry(list, "element", math(cell("K", index)));
      entry(list, "outputs", ...cells("Y", met));
      const terms = met.map(({ Y, X }) => term(["G", Y], ["X", X]));
      entry(list, "gradient", ...sum(partial(cell("K", index)), terms));
    } else {
      entry(list, "output", math(cell(role, index)));
      entry(list, "pixels", ...cells("X", met));
      const terms = met.map(({ K, X }) => term(["K", K], ["X", X]));
      if (data.bias) terms.push([symbol(data.bias, [index[1]])]);
      entry(list, "value", ...sum([cell("Y", index)], terms));
    }
    panel.replaceChildren(list);
  }

  // Lights.
  function light(node, kind) {
    if (!node || node.classList.contains(kind)) return;
    node.classList.add(kind);
    lit.push([node, kind]);
  }
  function dark() {
    for (const [node, kind] of lit) node.classList.remove(kind);
    lit = [];
    panel.innerHTML = nothing;
  }
  function kin(index, positions) {
    const [n, c] = index;
    data.rows.forEach((down, u) =>
      data.columns.forEach((across, v) => {
        if (down.length * across.length === positions)
          light(element({ role: "X", index: [n, c, u, v] }), "kin");
      })
    );
  }
  function show(td) {
    dark();
    const at = locate(td);
    const met = products(at);
    light(td, "focus");
    for (const product of met)
      for (const [role, index] of [["X", product.X], ["K", product.K], ["Y", product.Y], ["G", product.Y]]) {
        const node = element({ role, index });
        if (node !== td) light(node, "lit");
      }
    if (at.role === "X") {
      const [, , u, v] = at.index;
      const positions = data.rows[u].length * data.columns[v].length;
      kin(at.index, positions);
      for (const row of document.querySelectorAll("[data-case]"))
        if (row.dataset.case === data.cases[positions]) light(row, "lit");
    }
    if (at.role === "X" || at.role === "K") {
      const name = nameOf(at.role, at.index);
      for (const row of document.querySelectorAll("[data-of]"))
        if (row.dataset.of === name) light(row, "lit");
    }
    tell(at, met);
  }
  const settle = () => (pinned ? show(pinned) : dark());

  // Pointer, finger, keyboard. Of each grid one cell is in the Tab order: the last one visited.
  function visit(td) {
    const table = td.closest("[role=grid]");
    table.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    td.setAttribute("tabindex", "0");
    const { role, index } = locate(td);
    if (!td.textContent.trim()) td.setAttribute("aria-label", nameOf(role, index).replace("_{", " ").replace("}", ""));
  }
  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  function target(td, event) {
    const rows = td.closest("[role=grid]").rows;
    const row = td.parentNode.rowIndex;
    const last = rows[0].cells.length - 1;
    if (event.key === "Home") return rows[event.ctrlKey ? 0 : row].cells[0];
    if (event.key === "End") return rows[event.ctrlKey ? rows.length - 1 : row].cells[last];
    const step = STEPS[event.key];
    return step && (rows[row + step[0]]?.cells[td.cellIndex + step[1]] ?? td);
  }
  const cellOf = (event) => event.target.closest?.("[role=gridcell]");
  const stage = document.querySelector("#picture .planes");
  for (const table of tables.values()) table.rows[0].cells[0].setAttribute("tabindex", "0");
  stage.addEventListener("pointerover", (event) => {
    const td = cellOf(event);
    if (td && event.pointerType !== "touch") show(td);
  });
  stage.addEventListener("pointerleave", settle);
  stage.addEventListener("click", (event) => {
    const td = cellOf(event);
    if (!td) return;
    visit(td);
    td.focus();
  });
  stage.addEventListener("focusin", (event) => {
    const td = cellOf(event);
    if (!td) return;
    pinned = td;
    show(td);
  });
  stage.addEventListener("focusout", (event) => {
    if (stage.contains(event.relatedTarget)) return;
    pinned = null;
    dark();
  });
  stage.addEventListener("keydown", (event) => {
    const td = cellOf(event);
    if (!td) return;
    if (event.key === "Escape") {
      pinned = null;
      return dark();
    }
    const next = target(td, event);
    if (!next) return;
    event.preventDefault();
    visit(next);
    next.focus();
  });
})();
