// Formulas multiplied out, as by analytic/calculus/answers/polynomial.py: how often each product of
// elements occurs. Numbers are whole over whole, exact or refused.
const sums = (() => {
  if (!known) return null;
  const { data, tensorOf } = known;
  const { Unread } = formula;
  const MOST_TERMS = 200_000;

  // Fractions.
  function fraction(above, below = 1) {
    if (!below) throw new Unread("zero");
    if (!Number.isSafeInteger(above) || !Number.isSafeInteger(below)) throw new Unread("long");
    let [one, other] = [Math.abs(above), Math.abs(below)];
    while (other) [one, other] = [other, one % other];
    const divisor = below < 0 ? -one : one || 1;
    return { n: above / divisor + 0, d: below / divisor }; // no -0
  }
  const plus = (p, q) => (p.d === 1 && q.d === 1 ? fraction(p.n + q.n) : fraction(p.n * q.d + q.n * p.d, p.d * q.d));
  const times = (p, q) => fraction(p.n * q.n, p.d * q.d);
  const over = (p, q) => fraction(p.n * q.d, p.d * q.n);
  const whole = (p) => Math.floor(p.n / p.d);
  const modulo = (p, q) => plus(p, times(fraction(-whole(over(p, q))), q));
  const equal = (p, q) => p.n === q.n && p.d === q.d;
  function constant(text) {
    const [before, after = ""] = text.split(".");
    return fraction(Number(before + after), 10 ** after.length);
  }

  // The value of an index, a limit or what divides; `values` holds those of the counting letters.
  function number(node, values) {
    switch (node.kind) {
      case "number": return constant(node.text);
      case "plus": return node.terms.map((term) => number(term, values)).reduce(plus);
      case "times": return node.factors.map((factor) => number(factor, values)).reduce(times);
      case "floor": return fraction(whole(number(node.inner, values)));
      case "over": return (node.by === "/" ? over : modulo)(number(node.above, values), number(node.below, values));
      case "letter":
        if (!node.indices && values.has(node.name)) return fraction(values.get(node.name));
        throw new Unread("letter", { sign: node.name });
      default: throw new Unread("letter", { sign: "Σ" });
    }
  }

  // The indices in full: of leading ones that are not written, 0.
  const textOf = ({ n, d }) => (d === 1 ? String(n) : `${n}/${d}`);
  const elementText = (name, places) => `${name}[${places.map(textOf).join()}]`;
  function full(name, places, { shape, written }) {
    if (places.length === shape.length) return places;
    if (places.length !== written.filter(Boolean).length) throw new Unread("outside", { element: elementText(name, places) });
    const given = [...places];
    return shape.map((_, at) => (written[at] ? given.shift() : fraction(0)));
  }
  const isInside = (places, shape) => places.every(({ n, d }, at) => d === 1 && n >= 0 && n < shape[at]);

  // What the letters on the right stand for.
  const roles = data.bias ? ["X", "K", "G", "b"] : ["X", "K", "G"];
  const right = new Map(roles.map((role) => [tensorOf(role).name, role]));
  right.set(`d${data.tensors.Y.name}`, "G"); // dC/dY is G

  // The values of all letters, for each term of a sum.
  function counted(sigma, values, most) {
    const ranges = sigma.limits.map((limit) => [limit.name, ...rangeOf(limit, sigma.body, values)]);
    const size = ranges.reduce((all, [, low, high]) => all * Math.max(0, high - low + 1), 1);
    if (size > most) throw new Unread("long");
    let every = [values];
    for (const [name, low, high] of ranges) {
      const counts = Array.from({ length: Math.max(0, high - low + 1) }, (_, at) => low + at);
      every = every.flatMap((before) => counts.map((count) => new Map(before).set(name, count)));
    }
    return every;
  }
  function rangeOf(limit, body, values) {
    if (limit.low) return [whole(number(limit.low, values)), whole(number(limit.high, values))];
    const sizes = [];
    for (const { name, indices } of letters(body)) {
      if (!right.has(name) || !indices) continue;
      const { shape, written } = tensorOf(right.get(name));
      const sides = indices.length === shape.length ? shape : shape.filter((_, at) => written[at]);
      indices.forEach((index, at) => {
        if (index.kind === "letter" && !index.indices && index.name === limit.name && at < sides.length) sizes.push(sides[at]);
      });
    }
    if (sizes.length) return [0, Math.min(...sizes) - 1]; // beyond, an element is outside its grid, and the term 0
    const most = Math.max(...[...right.values()].flatMap((role) => tensorOf(role).shape));
    return [-most, most];
  }
  function* letters(node) {
    if (node.kind === "letter") yield node;
    for (const inner of [node.terms, node.factors, node.body, node.above, node.inner].flat()) if (inner) yield* letters(inner);
  }

  // A polynomial: by the key of each product, its factors and how often it is there.
  const keyOf = (factors) => factors.map(([role, index]) => `${role}:${index}`).sort().join("*");
  function add(sum, count, factors) {
    const key = keyOf(factors);
    const total = sum.has(key) ? plus(sum.get(key).count, count) : count;
    if (total.n) sum.set(key, { count: total, factors });
    else sum.delete(key);
    if (sum.size > MOST_TERMS) throw new Unread("long");
  }
  function added(parts) {
    const sum = new Map();
    for (const part of parts) for (const { count, factors } of part.values()) add(sum, count, factors);
    return sum;
  }
  function multiplied(one, other) {
    if (one.size * other.size > MOST_TERMS) throw new Unread("long");
    const sum = new Map();
    for (const p of one.values())
      for (const q of other.values()) add(sum, times(p.count, q.count), [...p.factors, ...q.factors]);
    return sum;
  }
  function constantSum(count) {
    const sum = new Map();
    add(sum, count, []);
    return sum;
  }
  function element({ name, indices }, values, isZeroOutside) {
    if (!right.has(name)) throw new Unread("unread", { sign: name });
    if (!indices) throw new Unread("unindexed", { element: name });
    const role = right.get(name);
    const places = indices.map((index) => number(index, values));
    const index = full(name, places, tensorOf(role));
    const sum = new Map();
    if (isInside(index, tensorOf(role).shape)) add(sum, fraction(1), [[role, index.map(({ n }) => n)]]);
    else if (!isZeroOutside) throw new Unread("outside", { element: elementText(name, places) });
    return sum;
  }

  // `scope`: whether an element outside its grid is 0 (in a sum, not by itself); the most terms.
  function multiplyOut(node, values, scope) {
    const each = (nodes) => nodes.map((one) => multiplyOut(one, values, scope));
    if (node.kind === "letter" && (node.indices || !values.has(node.name))) return element(node, values, scope.isZeroOutside);
    if (node.kind === "plus") return added(each(node.terms));
    if (node.kind === "times") return each(node.factors).reduce(multiplied);
    if (node.kind === "sigma") {
      const every = counted(node, values, scope.most);
      const within = { isZeroOutside: true, most: Math.floor(scope.most / Math.max(1, every.length)) };
      return added(every.map((one) => multiplyOut(node.body, one, within)));
    }
    if (node.kind === "over" && node.by === "/") {
      const divisor = over(fraction(1), number(node.below, values));
      return multiplied(multiplyOut(node.above, values, scope), constantSum(divisor));
    }
    return constantSum(number(node, values));
  }

  return { MOST_TERMS, fraction, equal, number, elementText, full, isInside, keyOf, add, multiplyOut };
})();
