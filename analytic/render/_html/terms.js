// All that the page knows: who meets whom on each axis, and how an element is written.
"use strict";
const known = (() => {
  const source = document.getElementById("data");
  if (!source) return null;
  const data = JSON.parse(source.textContent);
  const MATHML = "http://www.w3.org/1998/Math/MathML";

  // The products in which a cell takes part: {input, kernel, output}, in the order of the outputs.
  const range = (size) => Array.from({ length: size }, (_, i) => i);
  function* pairs(axis, of, wanted) {
    for (const i of of === "X" ? [wanted] : range(axis.length))
      for (const [output, tap] of axis[i])
        if (of === "X" || wanted === (of === "K" ? tap : output)) yield [i, output, tap];
  }
  function products({ role, index }) {
    const of = role === "G" ? "Y" : role;
    const [first, second, row, column] = index;
    const found = [];
    const samples = of === "K" ? range(data.tensors.X.shape[0]) : [first];
    const channels = [];
    data.channels.forEach((readers, c) => {
      for (const [o, k] of readers)
        if (of === "X" ? c === second : of === "K" ? o === first && k === second : o === second)
          channels.push([c, o, k]);
    });
    for (const n of samples)
      for (const [c, o, k] of channels)
        for (const [u, i, a] of pairs(data.rows, of, row))
          for (const [v, j, b] of pairs(data.columns, of, column))
            found.push({ X: [n, c, u, v], K: [o, k, a, b], Y: [n, o, i, j] });
    const order = of === "Y" ? "K" : "Y";
    return found.sort((p, q) => compare(p[order], q[order]));
  }
  function compare(p, q) {
    for (let at = 0; at < p.length; at++) if (p[at] !== q[at]) return p[at] - q[at];
    return 0;
  }

  // Mathematics.
  const make = (name, ...children) => {
    const node = document.createElementNS(MATHML, name);
    node.append(...children);
    return node;
  };
  function symbol(tensor, index) {
    const shown = index.filter((_, at) => tensor.written[at]);
    const letter = make("mi", tensor.name);
    if (!shown.length) return letter;
    const row = make("mrow");
    shown.forEach((number, at) => {
      if (at) row.append(make("mo", ","));
      row.append(make("mn", String(number)));
    });
    return make("msub", letter, row);
  }
  const tensorOf = (role) => (role === "b" ? data.bias : data.tensors[role]);
  const cell = (role, index) => symbol(tensorOf(role), index);
  const nameOf = (role, index) => {
    const tensor = tensorOf(role);
    return `${tensor.name}_{${index.filter((_, at) => tensor.written[at]).join(",")}}`;
  };
  const math = (...children) => {
    const node = make("math", ...children);
    node.setAttribute("displaystyle", "true");
    return node;
  };
  // A factor before another; names are in the alphabet's order, as in the derivation.
  function term(...factors) {
    const sorted = factors.sort((p, q) => (nameOf(...p) < nameOf(...q) ? -1 : 1));
    return sorted.flatMap((factor, at) => {
      const space = make("mspace");
      space.setAttribute("width", "0.167em");
      return at ? [space, cell(...factor)] : [cell(...factor)];
    });
  }
  function del(of) {
    const sign = make("mo", "∂");
    sign.setAttribute("lspace", "0");
    sign.setAttribute("rspace", "0");
    return make("mrow", sign, of);
  }
  const partial = (by, of = make("mi", "C")) => [make("mfrac", del(of), del(by))];

  return { data, range, products, compare, make, symbol, cell, nameOf, math, term, partial, tensorOf };
})();
