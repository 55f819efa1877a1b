// A formula that the reader wrote, taken apart: the grammar of analytic/calculus/answers/syntax.py.
// Nothing written is executed.
const formula = (() => {
  const MOST_SIGNS = 20_000;
  const MOST_DIGITS = 12;
  const DEEPEST = 50; // parentheses within parentheses

  // The word says which sentence of the page tells it.
  class Unread extends Error {
    constructor(word, filled = {}) {
      super(word);
      this.filled = filled;
    }
  }

  // Signs: X₀₁, X01, X_01 and X_{0,1} are X[0,1]; ∂ is d, · is *.
  const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
  const PLAIN = { "∂": "d", "−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*", "…": "..", "∑": "Σ" };
  function scan(written) {
    if (written.length > MOST_SIGNS) throw new Unread("long");
    let text = written.replace(/[₀-₉]+/gu, (all) => `[${[...all].map((s) => SUBSCRIPTS.indexOf(s)).join()}]`);
    text = text.replace(/[∂−–·×⋅…∑]/gu, (sign) => PLAIN[sign]).replace(/_\{/g, "[").replace(/\}/g, "]");
    const pattern = /\s*(?:(\p{L}+)(?:_?([0-9]+))?|([0-9]+(?:\.[0-9]+)?)|(\.\.\.?|[-+*/=,;()[\]⌊⌋]))/uy;
    const signs = [];
    while (text.slice(pattern.lastIndex).trim()) {
      const place = pattern.lastIndex;
      const found = pattern.exec(text);
      if (!found) throw new Unread("unread", { sign: [...text.slice(place).trim()][0] });
      const [, name, digits, number, mark] = found;
      if (number?.length > MOST_DIGITS) throw new Unread("long");
      if (name) signs.push({ kind: "name", text: name });
      else signs.push(number ? { kind: "number", text: number } : { kind: "mark", text: mark === "..." ? ".." : mark });
      if (digits) {
        const listed = [...digits].flatMap((digit) => [{ kind: "mark", text: "," }, { kind: "number", text: digit }]);
        signs.push({ kind: "mark", text: "[" }, ...listed.slice(1), { kind: "mark", text: "]" });
      }
    }
    return [...signs, { kind: "end", text: "" }];
  }

  // Formulas are nodes: {kind: number, letter, plus, times, over, floor, sigma}.
  function parse(written) {
    const signs = scan(written);
    let place = 0;
    let depth = 0;
    const next = () => signs[place];
    const advance = () => signs[next().kind === "end" ? place : place++];
    const sees = (text) => next().kind === "mark" && next().text === text;
    const take = (text) => sees(text) && Boolean(advance());
    const lost = () => (next().kind === "end" ? new Unread("ends") : new Unread("unread", { sign: next().text }));
    const expect = (text) => {
      if (!take(text)) throw lost();
    };
    const expectName = () => {
      if (next().kind !== "name") throw lost();
      return advance().text;
    };
    function listed(one) {
      const all = [one()];
      while (take(",")) all.push(one());
      return all;
    }

    function letter() {
      const name = expectName();
      if (!sees("[")) {
        // The derivative of the cost as one letter: dC/dY[0,0] is dY[0,0].
        return name === "dC" && take("/") ? letter() : { kind: "letter", name, indices: null };
      }
      advance();
      const indices = listed(sum);
      expect("]");
      return { kind: "letter", name, indices };
    }
    function limit() {
      const name = expectName();
      if (!take("=")) return { name };
      const low = sum();
      expect("..");
      return { name, low, high: sum() };
    }
    function sigma() {
      advance();
      const closing = take("[") ? "]" : ")";
      if (closing === ")") expect("(");
      const limits = listed(limit);
      expect(closing);
      return { kind: "sigma", limits, body: term() };
    }
    function between(closing) {
      const inner = sum();
      expect(closing);
      return inner;
    }
    function alone() {
      if (next().kind === "number") return { kind: "number", text: advance().text };
      if (next().text === "sum" || next().text === "Σ") return sigma();
      if (next().kind === "name") return letter();
      if (take("(")) return between(")");
      if (take("⌊")) return { kind: "floor", inner: between("⌋") };
      throw lost();
    }
    function factor() {
      if (++depth > DEEPEST) throw new Unread("long");
      const found = alone();
      depth--;
      return found;
    }
    function term() {
      const begins = () =>
        ["(", "⌊"].includes(next().text) || (["name", "number"].includes(next().kind) && next().text !== "mod");
      let found = factor();
      for (;;) {
        if (take("*") || begins()) {
          const before = found.kind === "times" ? found.factors : [found];
          found = { kind: "times", factors: [...before, factor()] };
        } else if (take("/")) found = { kind: "over", by: "/", above: found, below: factor() };
        else if (next().text === "mod") {
          advance();
          found = { kind: "over", by: "mod", above: found, below: factor() };
        } else return found;
      }
    }
    function signed() {
      let isNegative = false;
      while (sees("+") || sees("-")) isNegative = isNegative !== (advance().text === "-");
      const found = term();
      return isNegative ? { kind: "times", factors: [{ kind: "number", text: "-1" }, found] } : found;
    }
    function sum() {
      const terms = [signed()];
      while (sees("+") || sees("-")) terms.push(signed());
      return terms.length === 1 ? terms[0] : { kind: "plus", terms };
    }
    function row() {
      const isBracketed = take("[");
      const cells = listed(sum);
      if (isBracketed) expect("]");
      return cells;
    }
    function matrix() {
      const rows = [row()];
      while (take(";") || take(",")) rows.push(row());
      expect("]");
      if (rows.some((one) => one.length !== rows[0].length)) throw new Unread("ragged");
      return rows;
    }

    const of = letter();
    const by = take("/") ? letter() : null; // dY/dX; dC/dX is one letter
    expect("=");
    const answer = take("[") ? { of, by, rows: matrix() } : { of, by, value: sum() };
    if (next().kind !== "end") throw lost();
    return answer;
  }

  return { parse, Unread };
})();
