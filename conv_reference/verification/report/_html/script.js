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
  const written = document.querySelectorAll("details").length - shown;
  if (number > written) show(number - written);
  const found = document.getElementById(location.hash.slice(1));
  if (found instanceof HTMLDetailsElement) {
    found.open = true;
    found.querySelector("summary").focus();
  }
};
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

let closed = [];
addEventListener("beforeprint", () => {
  show(Infinity);
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const details of closed) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
});
