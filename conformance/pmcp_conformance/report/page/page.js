"use strict";
{
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const section = one("#matrix");
  const form = one(".filters");
  const text = form.elements.text;
  const counter = one("output");
  const expand = form.elements.expand;
  const total = all(".rule").length;
  const groups = all("tbody").map((body) => ({
    body,
    name: body.dataset.group,
    button: one(".summary button", body),
    opensAtFirst: !body.classList.contains("closed"),
    rules: all(".rule", body).map((row) => ({
      row,
      text: one("th", row).textContent.toLowerCase(),
      cells: all("td", row),
    })),
  }));

  form.hidden = one(".hint").hidden = false;

  // Groups open and close.

  const open = (group, is) => {
    group.body.classList.toggle("closed", !is);
    group.button.setAttribute("aria-expanded", is);
    expand.textContent = groups.every(isOpen) ? "Close all groups" : "Open all groups";
  };
  const isOpen = (group) => !group.body.classList.contains("closed");
  for (const group of groups) {
    group.button.addEventListener("click", () => open(group, !isOpen(group)));
  }
  expand.addEventListener("click", () => {
    const wanted = !groups.every(isOpen);
    groups.forEach((group) => open(group, wanted));
  });

  // Filters: a rule is shown if its group, its text and one of its outcomes are wanted.

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const name = form.elements.group.value;
    const outcomes = all("[name=outcome]:checked", form).map((box) => box.value);
    const wanted = (cell) => outcomes.some((outcome) => cell.classList.contains(outcome));
    const filters = words.length > 0 || name !== "" || outcomes.length > 0;
    let shown = 0;
    for (const group of groups) {
      let found = 0;
      for (const rule of group.rules) {
        const fits =
          (!name || group.name === name) &&
          words.every((word) => rule.text.includes(word)) &&
          (!outcomes.length || rule.cells.some(wanted));
        rule.row.hidden = !fits;
        found += fits;
        for (const cell of rule.cells) {
          cell.classList.toggle("faded", outcomes.length > 0 && !wanted(cell));
        }
      }
      group.body.hidden = found === 0;
      shown += found;
      if (filters && found) {
        open(group, true);
      }
    }
    if (!filters) {
      groups.forEach((group) => open(group, group.opensAtFirst));
    }
    counter.textContent = filters ? `${shown} of ${total}` : total;
    one(".nothing").hidden = shown > 0;
    one(".scroller").hidden = shown === 0;
    keepOneTabStop();
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  one(".nothing button").addEventListener("click", () => {
    form.reset();
    text.focus();
  });

  // Keys in the matrix, which is one stop of the tab key; arrows move within it.

  const table = one("table");
  const rows = () => all("tbody tr", table).filter((row) => row.offsetParent !== null);
  const stops = (row) => all("th button, td a", row);
  let stop = null;
  const moveTo = (element) => {
    stop?.setAttribute("tabindex", "-1");
    element.setAttribute("tabindex", "0");
    stop = element;
  };
  const keepOneTabStop = () => {
    if (!stop || stop.offsetParent === null) {
      const [first] = rows();
      if (first) {
        moveTo(stops(first)[0]);
      }
    }
  };
  const columnOf = (element) => element.closest("td, th").cellIndex;
  const inColumn = (row, column) => {
    const found = stops(row);
    return found.find((element) => columnOf(element) >= column) ?? found.at(-1);
  };
  const neighbour = (element, key) => {
    const row = element.closest("tr");
    const visible = rows();
    const beside = stops(row);
    const at = visible.indexOf(row);
    const last = visible.length - 1;
    const targets = {
      ArrowLeft: () => beside[beside.indexOf(element) - 1],
      ArrowRight: () => beside[beside.indexOf(element) + 1],
      Home: () => beside[0],
      End: () => beside.at(-1),
      ArrowUp: () => at > 0 && inColumn(visible[at - 1], columnOf(element)),
      ArrowDown: () => at < last && inColumn(visible[at + 1], columnOf(element)),
      PageUp: () => inColumn(visible[Math.max(at - 10, 0)], columnOf(element)),
      PageDown: () => inColumn(visible[Math.min(at + 10, last)], columnOf(element)),
    };
    return targets[key]?.();
  };
  all("th button, td a", table).forEach((element) => element.setAttribute("tabindex", "-1"));
  table.setAttribute("role", "grid");
  table.addEventListener("focusin", (event) => {
    if (event.target.matches("th button, td a")) {
      moveTo(event.target);
    }
  });
  table.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.matches("th button, td a")) {
      return;
    }
    const found = neighbour(event.target, event.key);
    if (found) {
      event.preventDefault();
      found.focus();
    }
  });

  // The details of one rule: the address names it, CSS shows it, and here the focus follows.

  const shown = () => document.getElementById(location.hash.slice(1));
  const linkTo = (id) => all("td a", table).find((link) => link.hash === `#${id}`);
  let from = null;
  const follow = () => {
    const article = shown()?.closest("article");
    const link = article && linkTo(article.id);
    from?.removeAttribute("aria-current");
    if (article) {
      link?.setAttribute("aria-current", "true");
      const group = groups.find(({ body }) => body.contains(link));
      if (group) {
        open(group, true);
      }
      link?.closest("td").scrollIntoView({ block: "nearest" });
      article.scrollTop = 0;
      article.focus({ preventScroll: true });
    } else if (from?.offsetParent) {
      from.focus({ preventScroll: true });
    }
    from = link ?? null;
  };
  const step = (by) => {
    const failures = rows().flatMap((row) => all("td.failed a, td.blocked a", row));
    const at = failures.indexOf(from ?? document.activeElement);
    const next = failures[at + by] ?? (at < 0 ? failures.at(by > 0 ? 0 : -1) : null);
    if (next) {
      location.hash = next.hash;
    }
  };
  window.addEventListener("hashchange", follow);
  document.addEventListener("keydown", (event) => {
    const writes = event.target.matches("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === "Escape" && from) {
      location.hash = "#-";
    } else if (event.key === "n" && !writes) {
      step(1);
    } else if (event.key === "p" && !writes) {
      step(-1);
    } else if (event.key === "/" && !writes) {
      event.preventDefault();
      text.focus();
    }
  });

  keepOneTabStop();
  follow();
  section.dataset.ready = "";
}
