// Holds an element that the reader wrote against the derivation. Nothing written is executed.
(() => {
  if (!known) return;
  const { data, range, products, make, cell, math, term, partial, tensorOf } = known;
  const form = document.querySelector("#try form");
  const field = form.querySelector("input");
  const answer = form.querySelector("output");

  // What the letters stand for: Y and the gradients on the left, elements on the right.
  const roles = data.bias ? ["X", "K", "G", "b"] : ["X", "K", "G"];
  const output = data.tensors.Y.name;
  const left = new Map(roles.filter((role) => role !== "G").map((role) => [`d${tensorOf(role).name}`, role]));
  left.set(output, "Y");
  const right = new Map(roles.map((role) => [tensorOf(role).name, role]));
  right.set(`d${output}`, "G"); // the derivative of the cost by the output

  class Unread extends Error {
    constructor(word, filled = {}) {
      super(word);
      this.filled = filled;
    }
  }

  // Signs: a name with its indices, a number, or a mark. X₀₁, X01 and X_{0,1} are X[0,1].
  const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
  const PLAIN = { "∂": "d", "−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*" };
  function scan(written) {
    let text = written.replace(/[₀-₉]+/gu, (all) => `[${[...all].map((s) => SUBSCRIPTS.indexOf(s)).join()}]`);
    text = text.replace(/[∂−–·×⋅]/gu, (sign) => PLAIN[sign]).replace(/_\{/g, "[").replace(/\}/g, "]");
    const pattern = /\s*(?:(\p{L}+)(?:\s*\[([\d\s,]+)\]|_?(\d+))?|(\d+)|([-+*=/]))/uy;
    const signs = [];
    while (text.slice(pattern.lastIndex).trim()) {
      const place = pattern.lastIndex;
      const found = pattern.exec(text);
      if (!found) throw new Unread("unread", { sign: text.slice(place).trim()[0] });
      const [, name, listed, digits, number, mark] = found;
      if (name) signs.push({ name, index: listed ? listed.split(",").map(Number) : digits ? [...digits].map(Number) : null });
      else signs.push(number ? { number: Number(number) } : { mark });
    }
    return signs;
  }

  const shown = ({ name, number, mark }) => String(name ?? number ?? mark);

  // dC/dX[0,1] is dX[0,1].
  const isCost = (signs, at) => signs[at]?.name === "dC" && signs[at + 1]?.mark === "/" && signs[at + 2]?.name;
  function element(signs, at, letters) {
    if (isCost(signs, at)) at += 2;
    if (at >= signs.length) throw new Unread("ends");
    const { name, index } = signs[at];
    const role = letters.get(name);
    if (!role) throw new Unread(letters === left ? "left" : "unread", { sign: shown(signs[at]) });
    if (!index) throw new Unread("unindexed", { element: name });
    const { shape, written } = tensorOf(role);
    const given = index;
    let full = given;
    if (given.length !== shape.length && given.length === written.filter(Boolean).length) {
      const left = [...given];
      full = shape.map((_, place) => (written[place] ? left.shift() : 0));
    }
    const inside = full.length === shape.length && full.every((number, place) => number < shape[place]);
    if (!inside) throw new Unread("outside", { element: `${name}[${given}]` });
    return [at + 1, [role, full]];
  }

  // A sum of products: how often each product is there.
  const keyOf = (factors) => factors.map(([role, index]) => `${role}:${index}`).sort().join("*");
  function add(sum, count, factors) {
    const key = keyOf(factors);
    const total = (sum.get(key)?.count ?? 0) + count;
    if (total) sum.set(key, { count: total, factors });
    else sum.delete(key);
  }
  function parse(written) {
    const signs = scan(written);
    let [at, of] = element(signs, 0, left);
    if (at >= signs.length) throw new Unread("ends");
    if (signs[at++].mark !== "=") throw new Unread("unread", { sign: shown(signs[at - 1]) });
    const sum = new Map();
    do {
      let count = 1;
      const factors = [];
      while (signs[at]?.mark === "-" || signs[at]?.mark === "+") if (signs[at++].mark === "-") count = -count;
      do {
        if (signs[at]?.mark === "*") at++;
        if (signs[at]?.number !== undefined) count *= signs[at++].number;
        else {
          const [next, factor] = element(signs, at, right);
          at = next;
          factors.push(factor);
        }
      } while (at < signs.length && !["+", "-"].includes(signs[at].mark));
      add(sum, count, factors);
    } while (at < signs.length);
    return { of, sum };
  }

  // What it is in truth.
  function truth([role, index]) {
    const sum = new Map();
    if (role === "b") {
      const [N, , height, width] = data.tensors.Y.shape;
      for (const n of range(N))
        for (const i of range(height)) for (const j of range(width)) add(sum, 1, [["G", [n, index[0], i, j]]]);
      return sum;
    }
    for (const { X, K, Y } of products({ role, index })) {
      const factors = { X: [["G", Y], ["K", K]], K: [["G", Y], ["X", X]], Y: [["K", K], ["X", X]] };
      add(sum, 1, factors[role]);
    }
    if (role === "Y" && data.bias) add(sum, 1, [["b", [index[1]]]]);
    return sum;
  }

  // The mistakes: a term that is too much and one that is missing are one where one factor differs.
  const isMoved = (p, q) => {
    const byRole = (factors) => [...factors].sort((one, other) => (keyOf([one]) < keyOf([other]) ? -1 : 1));
    const [one, other] = [byRole(p), byRole(q)];
    if (one.map(([role]) => role).join() !== other.map(([role]) => role).join()) return false;
    return one.filter(([, index], at) => String(index) !== String(other[at][1])).length === 1;
  };
  function* remarks(claimed, meant) {
    const missing = new Map([...meant].filter(([key]) => !claimed.has(key)));
    const superfluous = new Map([...claimed].filter(([key]) => !meant.has(key)));
    for (const [key, one] of [...superfluous]) {
      const found = [...missing].find(([, other]) => one.count === other.count && isMoved(one.factors, other.factors));
      if (!found) continue;
      superfluous.delete(key);
      missing.delete(found[0]);
      yield ["moved", { written: one, right: found[1] }];
    }
    for (const [key, right] of meant) {
      const written = claimed.get(key);
      if (written && written.count !== right.count) yield ["miscounted", { written, right }];
    }
    for (const one of missing.values()) yield ["missing", { term: one }];
    for (const one of superfluous.values()) yield ["superfluous", { term: one }];
  }

  // What is said: sentences in the page's language, with mathematics in their places.
  function product({ count, factors }) {
    const nodes = factors.length ? term(...factors) : [];
    if (Math.abs(count) !== 1 || !nodes.length) nodes.unshift(make("mn", String(Math.abs(count))));
    if (count < 0) nodes.unshift(make("mo", "−"));
    return math(make("mrow", ...nodes));
  }
  function sentence(name, word, filled) {
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
  // One mistake, not several: the kernel as it stands where it must be turned by half a turn.
  function isFlipped(claimed, meant) {
    const [height, width] = data.tensors.K.shape.slice(-2);
    const turn = ([o, k, a, b]) => [o, k, height - 1 - a, width - 1 - b];
    const turned = new Map();
    for (const { count, factors } of claimed.values())
      add(turned, count, factors.map(([role, index]) => [role, role === "K" ? turn(index) : index]));
    return turned.size === meant.size && [...turned].every(([key, { count }]) => meant.get(key)?.count === count);
  }
  function judge(written) {
    const { of: [role, index], sum } = parse(written);
    const meant = truth([role, index]);
    const found = [...remarks(sum, meant)];
    if (!found.length) return [true, sentence("p", "right", {})];
    if (isFlipped(sum, meant)) found.unshift(["flipped", {}]);
    const head = role === "Y" ? [cell("Y", index)] : partial(cell(role, index));
    const list = document.createElement("ul");
    for (const [word, terms] of found) {
      const filled = Object.fromEntries(Object.entries(terms).map(([name, one]) => [name, product(one)]));
      list.append(sentence("li", word, filled));
    }
    return [false, sentence("p", "wrong", { element: math(...head) }), list];
  }
  // A whole matrix, "dK = [..., ...; ...]": each entry is judged as the element of its place.
  function entries(written) {
    const found = /^([^=]*)=\s*\[(.*)\]\s*$/su.exec(written);
    if (!found) return null;
    const [, name, body] = found;
    const rows = [[""]];
    let depth = 0;
    for (const sign of body) {
      depth += "[{".includes(sign) - "]}".includes(sign);
      if (!depth && sign === ";") rows.push([""]);
      else if (!depth && sign === ",") rows.at(-1).push("");
      else rows.at(-1)[rows.at(-1).length - 1] += sign;
    }
    return rows.flatMap((row, i) => row.map((entry, j) => `${name.trim()}[${i},${j}] = ${entry}`));
  }
  const MOST_WRONG = 4;
  function judgeWhole(written) {
    const every = entries(written);
    if (!every) return judge(written);
    const judged = every.map(judge);
    const { shape, written: indexed } = tensorOf(parse(every[0]).of[0]);
    if (every.length < shape.filter((_, place) => indexed[place]).reduce((one, other) => one * other, 1)) {
      throw new Unread("ends");
    }
    const wrong = judged.filter(([isRight]) => !isRight).slice(0, MOST_WRONG);
    return wrong.length ? [false, ...wrong.flatMap(([, ...nodes]) => nodes)] : judged[0];
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      const [isRight, ...nodes] = judgeWhole(field.value);
      answer.className = isRight ? "holds" : "fails";
      nodes[0].prepend(isRight ? "✓ " : "✗ ");
      answer.replaceChildren(...nodes);
    } catch (error) {
      if (!(error instanceof Unread)) throw error;
      answer.className = "unread";
      answer.replaceChildren(sentence("p", error.message, error.filled));
    }
  });
})();
