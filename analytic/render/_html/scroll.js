// A block that is wider than the page can be reached and scrolled with the keyboard.
(() => {
  const word = document.body.dataset.scroll;
  const mark = () => {
    for (const block of document.querySelectorAll(".scroll")) {
      const wide = block.scrollWidth > block.clientWidth + 1;
      if (wide) {
        block.tabIndex = 0;
        block.setAttribute("role", "group");
        block.setAttribute("aria-label", word);
      } else if (block.hasAttribute("role")) {
        for (const name of ["tabindex", "role", "aria-label"]) block.removeAttribute(name);
      }
    }
  };
  mark();
  addEventListener("resize", mark);
})();
