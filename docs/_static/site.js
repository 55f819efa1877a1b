// What the theme leaves out: axe-core, `make accessibility PAGES=build/site/*.html`, tells.
addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.ariaLevel = "2";
  for (const [selector, label] of [[".sidebar-drawer", "Pages"], [".toc-drawer", "On this page"]]) {
    document.querySelector(selector)?.setAttribute("aria-label", label);
  }
  // What closes a drawer by a click beside it; who hears the page has the button for that.
  for (const overlay of document.querySelectorAll(".overlay")) overlay.ariaHidden = "true";
  if (!document.querySelector("h1")) {
    const heading = document.createElement("h1"); // of the search
    heading.append(document.title.split(" - ")[0]);
    document.querySelector("[role=main]")?.prepend(heading);
  }
  // A long signature is a list of definitions without terms: a list of parameters is meant.
  for (const list of document.querySelectorAll(".sig dl")) {
    for (const parameter of list.children) renamed(parameter, "li");
    renamed(list, "ul");
  }
  for (const box of document.querySelectorAll("pre, .table-wrapper")) box.tabIndex = 0; // they scroll
});

function renamed(element, name) {
  const other = document.createElement(name);
  other.append(...element.childNodes);
  element.replaceWith(other);
}
