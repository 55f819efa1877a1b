// Holds a formula that the reader wrote against the derivation: an element, a matrix, or a general
// formula with letters for indices. It says what analytic/telling/answer.py says.
(() => {
  if (!known) return;
  const { data, range, products, make, cell, math, term, partial, tensorOf } = known;
  const { parse, Unread } = formula;
  const { MOST_TERMS, fraction, equal, number, elementText, full, isInside, keyOf, add, multiplyOut } = sums;
  const MOST_ELEMENTS = 5_000;
  const MOST_WRONG = 3; // elements whose terms are listed
  const MOST_REMARKS = 8;
  const form = document.querySelector("#try form");
  document.getElementById("try").hidden = false;
  const field = form.querySelector("input");
  const answer = form.querySelector("output");
  const ONE = fraction(1);

  // The left side: {of, by}, roles; `of` is null where the cost is differentiated, `by` alone is Y.
  const derived = new Map((data.bias ? ["X", "K", "b"] : ["X", "K"]).map((role) => [`d${tensorOf(role).name}`, role]));
  function target({ of, by }) {
    if (!by && of.name === data.tensors.Y.name) return { of: null, by: "Y" };
    if (!by && derived.has(of.name)) return { of: null, by: derived.get(of.name) };
    if (by && of.name === `d${data.tensors.Y.name}` && derived.has(by.name)) return { of: "Y", by: derived.get(by.name) };
    throw new Unread("left", { sign: by ? `${of.name}/${by.name}` : of.name });
  }
  const rolesOf = ({ of, by }) => (of ? [of, by] : [by]);
  const lettersOf = ({ of, by }) => (by ? [of, by] : [of]);

  // What an element is in truth. A place is the index of each role of the target.
  const same = (one, other) => String(one) === String(other);
  function truth(meant, place) {
    const [role, index] = [meant.by, place.at(-1)];
    const sum = new Map();
    const isOf = ([n, o, i, j]) => !meant.of || same([n, o, i, j], place[0]);
    if (role === "b") {
      const [N, , height, width] = data.tensors.Y.shape;
      for (const n of range(N))
        for (const i of range(height))
          for (const j of range(width)) {
            const output = [n, index[0], i, j];
            if (isOf(output)) add(sum, ONE, meant.of ? [] : [["G", output]]);
          }
      return sum;
    }
    for (const { X, K, Y } of products({ role, index })) {
      const first = meant.of || role === "Y" ? [] : [["G", Y]];
      const others = { X: [["K", K]], K: [["X", X]], Y: [["K", K], ["X", X]] };
      if (isOf(Y)) add(sum, ONE, [...first, ...others[role]]);
    }
    if (role === "Y" && data.bias) add(sum, ONE, [["b", [index[1]]]]);
    return sum;
  }

  // What is claimed: each element's place, its formula, and what the letters stand for.
  const size = (shape) => shape.reduce((one, other) => one * other, 1);
  const writtenOf = ({ shape, written }) => shape.filter((_, at) => written[at]);
  function claims(asked, meant) {
    return asked.rows ? ofMatrix(asked, meant) : ofElements(asked, meant);
  }
  function ofElements(asked, meant) {
    const roles = rolesOf(meant);
    const given = lettersOf(asked);
    const sizes = new Map();
    given.forEach(({ name, indices }, at) => {
      const tensor = tensorOf(roles[at]);
      if (!indices) throw new Unread("unindexed", { element: name });
      const shape = indices.length === tensor.shape.length ? tensor.shape : writtenOf(tensor);
      indices.slice(0, shape.length).forEach((index, place) => {
        if (index.kind !== "letter" || index.indices) return;
        sizes.set(index.name, Math.min(shape[place], sizes.get(index.name) ?? shape[place]));
      });
    });
    if (size([...sizes.values()]) > MOST_ELEMENTS) throw new Unread("long");
    let counts = [new Map()];
    for (const [name, most] of sizes) counts = counts.flatMap((one) => range(most).map((at) => new Map(one).set(name, at)));
    return counts.map((values) => ({
      place: given.map((letter, at) => placeOf(letter, tensorOf(roles[at]), values)),
      node: asked.value,
      values,
    }));
  }
  function placeOf({ name, indices }, tensor, values) {
    const places = indices.map((index) => number(index, values));
    const index = full(name, places, tensor);
    if (!isInside(index, tensor.shape)) throw new Unread("outside", { element: elementText(name, places) });
    return index.map(({ n }) => n);
  }
  // Where the cells of a matrix belong: a plane, all of a bias, or the whole Jacobian.
  function places(asked, meant) {
    const given = lettersOf(asked);
    if (meant.of) {
      if (given.some(({ indices }) => indices)) throw new Unread("whole");
      return every(tensorOf(meant.of).shape).map((row) => every(tensorOf(meant.by).shape).map((column) => [row, column]));
    }
    const [{ name, indices }] = given;
    const tensor = tensorOf(meant.by);
    if (tensor.shape.length === 1) return [range(tensor.shape[0]).map((at) => [[at]])];
    const leading = (indices ?? []).map((index) => number(index, new Map()));
    const first = full(name, [...leading, fraction(0), fraction(0)], tensor);
    if (!isInside(first, tensor.shape)) throw new Unread("outside", { element: elementText(name, leading) });
    const [height, width] = tensor.shape.slice(2);
    const [one, other] = first.map(({ n }) => n);
    return range(height).map((row) => range(width).map((column) => [[one, other, row, column]]));
  }
  const every = (shape) => shape.reduce((all, most) => all.flatMap((one) => range(most).map((at) => [...one, at])), [[]]);
  function ofMatrix(asked, meant) {
    const cells = places(asked, meant);
    const [right, written] = [cells, asked.rows].map((rows) => `${rows.length}×${rows[0].length}`);
    if (right !== written) throw new Unread("size", { right, written });
    return cells.flatMap((row, i) => row.map((place, j) => ({ place, node: asked.rows[i][j], values: new Map() })));
  }

  // The mistakes: a term that does not belong there and one that is missing are one where one factor differs.
  const compareIndices = (p, q) => (p.length ? p[0] - q[0] || compareIndices(p.slice(1), q.slice(1)) : 0);
  const inOrder = (factors) =>
    [...factors].sort(([r, p], [s, q]) => (r === s ? compareIndices(p, q) : r < s ? -1 : 1));
  function isMoved(p, q) {
    const [one, other] = [inOrder(p), inOrder(q)];
    if (!same(one.map(([role]) => role), other.map(([role]) => role))) return false;
    return one.filter(([, index], at) => !same(index, other[at][1])).length === 1;
  }
  function* remarks(claimed, meant) {
    const missing = new Map([...meant].filter(([key]) => !claimed.has(key)));
    const superfluous = new Map([...claimed].filter(([key]) => !meant.has(key)));
    for (const [key, one] of [...superfluous]) {
      const found = [...missing].find(([, other]) => isMoved(one.factors, other.factors));
      if (!found || !equal(one.count, found[1].count)) continue;
      superfluous.delete(key);
      missing.delete(found[0]);
      yield ["moved", { written: one, right: found[1] }];
    }
    for (const [key, right] of meant) {
      const written = claimed.get(key);
      if (written && !equal(written.count, right.count)) yield ["miscounted", { written, right }];
    }
    for (const one of missing.values()) yield ["missing", { term: one }];
    for (const one of superfluous.values()) yield ["superfluous", { term: one }];
  }
  // One mistake, not several: the kernel as it stands where it must be turned by half a turn.
  function isFlipped(claimed, meant) {
    const [height, width] = data.tensors.K.shape.slice(-2);
    const turn = ([o, k, a, b]) => [o, k, height - 1 - a, width - 1 - b];
    const turned = new Map();
    for (const { count, factors } of claimed.values())
      add(turned, count, factors.map(([role, index]) => [role, role === "K" ? turn(index) : index]));
    return turned.size === meant.size && [...turned].every(([key, { count }]) => meant.has(key) && equal(meant.get(key).count, count));
  }

  // What is said: sentences in the page's language, with mathematics in their places.
  function product({ count, factors }) {
    const nodes = factors.length ? term(...factors) : [];
    const size = String(Math.abs(count.n));
    if (size !== "1" || !nodes.length) nodes.unshift(make("mn", size));
    if (count.d !== 1) nodes.push(make("mo", "/"), make("mn", String(count.d)));
    if (count.n < 0) nodes.unshift(make("mo", "−"));
    return math(make("mrow", ...nodes));
  }
  function sentence(name, word, filled = {}) {
    const node = document.createElement(name);
    for (const part of data.words[word].split(/(\{\w+\})/)) {
      const value = filled[part.slice(1, -1)];
      if (part[0] !== "{" || value === undefined) node.append(part);
      else {
        const isolated = document.createElement("bdi");
        isolated.dir = "ltr";
        isolated.append(value);
        node.append(isolated);
      }
    }
    return node;
  }
  // One, two or more: English needs one and more, Hebrew has words for two.
  const counting = (word, count) => `${word}_${Math.min(count, 3)}`;
  function headOf(meant, place) {
    const [last] = place.slice(-1);
    if (meant.by === "Y") return math(cell("Y", last));
    return math(...partial(cell(meant.by, last), meant.of ? cell("Y", place[0]) : undefined));
  }
  function* wrongOnes(wrong, meant) {
    for (const { place, claimed, right, found } of wrong.slice(0, MOST_WRONG)) {
      yield sentence("p", "wrong", { element: headOf(meant, place) });
      const list = document.createElement("ul");
      if (isFlipped(claimed, right)) list.append(sentence("li", "flipped"));
      for (const [word, terms] of found.slice(0, MOST_REMARKS)) {
        const filled = Object.fromEntries(Object.entries(terms).map(([name, one]) => [name, product(one)]));
        list.append(sentence("li", word, filled));
      }
      const left = found.length - MOST_REMARKS;
      if (left > 0) list.append(sentence("li", counting("more", left), { number: String(left) }));
      yield list;
    }
  }
  function judge(written) {
    const asked = parse(written);
    const meant = target(asked);
    const all = claims(asked, meant);
    const isGeneral = all.some(({ values }) => values.size);
    const most = Math.min(MOST_TERMS, Math.max(1, Math.floor((5 * MOST_TERMS) / all.length)));
    const judged = all.map(({ place, node, values }) => {
      const claimed = multiplyOut(node, values, { isZeroOutside: isGeneral, most });
      const right = truth(meant, place);
      return { place, claimed, right, found: [...remarks(claimed, right)] };
    });
    const wrong = judged.filter(({ found }) => found.length);
    const number = String(judged.length);
    if (!wrong.length) {
      return [true, sentence("p", counting(isGeneral ? "right_general" : "right", judged.length), { number })];
    }
    const counts = { number: String(wrong.length), all: number };
    const first = judged.length > 1 ? [sentence("p", counting("differ", wrong.length), counts)] : [];
    return [false, ...first, ...wrongOnes(wrong, meant)];
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      const [isRight, ...nodes] = judge(field.value);
      answer.className = isRight ? "holds" : "fails";
      for (const node of nodes) if (node.localName === "p") node.prepend(isRight ? "✓ " : "✗ ");
      answer.replaceChildren(...nodes);
    } catch (error) {
      if (!(error instanceof Unread)) throw error;
      answer.className = "unread";
      answer.replaceChildren(sentence("p", error.message, error.filled));
    }
  });
})();
