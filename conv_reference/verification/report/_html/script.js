"use strict";
document.documentElement.classList.add("js");

// Of thousands of findings most wait as text until they are asked for: a browser is slow with
// elements, not with text. The template that wrote them has escaped what is in them.
const STEP = 200;
const button = document.getElementById("more");
let later = null;
let shown = 0;
const show = (count) => {
  if (!button) return;
  later ??= JSON.parse(document.getElementById("later").textContent);
  if (count > shown) {
    const list = document.getElementById("list");
    list.insertAdjacentHTML("beforeend", later.slice(shown, count).join(""));
    shown = Math.min(count, later.length);
  }
  button.hidden = shown === later.length;
  button.textContent = `Show more: ${(later.length - shown).toLocaleString("en")} wait`;
};
button?.addEventListener("click", () => show(shown + STEP));

const openTarget = () => {
  const number = Number(/^#f(\d+)$/.exec(location.hash)?.[1]);
  const written = document.querySelectorAll(".finding").length - shown;
  if (number > written) show(number - written);
  const found = document.getElementById(location.hash.slice(1));
  if (!(found instanceof HTMLDetailsElement)) return;
  for (const own of [found, found.closest("tr")]) if (own?.hidden) clear();
  found.open = true;
  const around = found.parentElement.closest("details");
  if (around) around.open = true;
  found.querySelector("summary").focus();
};

// What is filtered out is hidden, in the findings and in the table; and it is said how much is left.
const filters = document.getElementById("filters");
const [byDtype, byQuantity, notExact] = ["by-dtype", "by-quantity", "not-exact"].map(
  (name) => document.getElementById(name),
);
const holds = (wanted, listed) => !wanted || JSON.parse(listed).includes(wanted);
const filter = () => {
  const dtype = byDtype?.value ?? "", quantity = byQuantity?.value ?? "";
  if (dtype || quantity) show(Infinity);
  const left = (found) => found.filter((element) => !element.hidden).length;
  const findings = [...document.querySelectorAll(".finding")];
  for (const finding of findings) {
    finding.hidden = !holds(dtype, finding.dataset.dtypes) || !holds(quantity, finding.dataset.quantities);
  }
  for (const cell of document.querySelectorAll("[data-dtype]")) {
    cell.hidden = dtype !== "" && cell.dataset.dtype !== dtype;
  }
  const rows = [...document.querySelectorAll("tr.check")];
  for (const row of rows) {
    const cells = [...row.querySelectorAll("td[data-dtype]")].filter((cell) => !cell.hidden);
    const exact = cells.every((cell) => cell.className === "exact" || cell.className === "");
    row.hidden = !holds(quantity, row.dataset.quantities) || (notExact.checked && exact)
      || cells.every((cell) => cell.className === "");
    if (row.nextElementSibling?.className === "words") row.nextElementSibling.hidden = row.hidden;
  }
  for (const folded of document.querySelectorAll(".exact-rows, .rounding-rows, .following-rows")) {
    folded.hidden = left([...folded.querySelectorAll("tr.check")]) === 0;
  }
  const said = [[findings, "findings"], [rows, "checks"]].filter(([all]) => all.length)
    .map(([all, name]) => `${left(all)} of ${all.length} ${name}`);
  document.getElementById("left").textContent = said.join(", ");
};
const clear = () => {
  for (const select of [byDtype, byQuantity]) if (select) select.value = "";
  notExact.checked = false;
  filter();
};
if (filters) {
  filters.hidden = false;
  filters.addEventListener("change", filter);
}
addEventListener("hashchange", openTarget);
openTarget();

const copied = async (pre) => {
  try {
    await navigator.clipboard.writeText(pre.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(pre);
    return document.execCommand("copy");
  }
};
document.addEventListener("click", async (event) => {
  const copy = event.target.closest(".copy");
  if (!copy) return;
  const done = await copied(copy.parentNode.querySelector("pre"));
  copy.textContent = done ? "Copied" : "Press Ctrl-C";
  setTimeout(() => { copy.textContent = "Copy"; }, 2000);
});

// A derivation is a page of its own, packed, that a frame shows once it is asked for.
document.addEventListener("toggle", async ({ target }) => {
  if (!target.matches(".derived[open]") || target.querySelector("iframe")) return;
  const packed = atob(document.getElementById(target.dataset.page).textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const page = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const frame = document.createElement("iframe");
  frame.title = "The derivation";
  frame.setAttribute("sandbox", "allow-scripts allow-forms");
  frame.srcdoc = await new Response(page).text();
  target.append(frame);
}, true);

let closed = [];
addEventListener("beforeprint", () => {
  show(Infinity);
  closed = [...document.querySelectorAll("details:not([open], .about, .derived)")];
  for (const details of closed) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
});
