"use strict";
// Everything that stands in the data is text of repositories: it enters the page as text only.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const BATCH = 50;
  const SHOWN_AT_FIRST = 4;

  const make = (tag, kind, text) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const add = (parent, ...children) => {
    parent.append(...children);
    return parent;
  };
  const figure = (value) => (value === null ? "–" : value.toFixed(2));

  // --- tables that sort ---------------------------------------------------------------------

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const sort = (table, column, down) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((one, other) => {
      const a = valueOf(one, column);
      const b = valueOf(other, column);
      if (typeof a === "string" || typeof b === "string") {
        return String(a).localeCompare(String(b), undefined, { numeric: true }) * (down ? -1 : 1);
      }
      // What nobody measured stands last in either direction.
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return (a - b) * (down ? -1 : 1);
    });
    body.append(...rows);
  };
  for (const button of document.querySelectorAll("table.sortable th button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const now = head.getAttribute("aria-sort");
      const down = now ? now === "ascending" : head.dataset.first === "down";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(head.closest("table"), head.cellIndex, down);
    });
  }

  // --- which strategies are shown -----------------------------------------------------------

  const byRank = [...data.strategies.keys()].sort((a, b) => data.strategies[b].ndcg - data.strategies[a].ndcg);
  const atFirst = data.strategies.length <= SHOWN_AT_FIRST + 2 ? byRank : byRank.slice(0, SHOWN_AT_FIRST);
  const shown = new Set([...atFirst, data.baseline]);
  const chooser = document.getElementById("chooser");
  data.strategies.forEach((strategy, index) => {
    const box = make("input");
    box.type = "checkbox";
    box.checked = shown.has(index);
    box.addEventListener("change", () => {
      if (box.checked) shown.add(index);
      else shown.delete(index);
      refresh();
    });
    add(chooser, add(make("label", "choice"), box, ` ${index + 1} ${strategy.name}`));
  });
  const columns = () => [...shown].sort((a, b) => a - b);

  // --- one question -------------------------------------------------------------------------

  const rankText = (rank) => (rank ? `rank ${rank}` : "missed");

  const expectedTable = (question) => {
    const table = make("table", "expected");
    const head = add(make("tr"), make("th", "", "Expected"), make("th", "", "Grade"));
    for (const index of columns()) {
      const cell = make("th", "", String(index + 1));
      cell.title = data.strategies[index].name;
      add(head, cell);
    }
    for (const cell of head.cells) cell.scope = "col";
    const body = make("tbody");
    question.expected.forEach(([anchor, grade], position) => {
      const row = add(make("tr"), add(make("td"), make("code", "", anchor)), make("td", "number", String(grade)));
      for (const index of columns()) {
        const answer = question.answers[index];
        const rank = answer ? answer.ranks[position] : 0;
        add(row, make("td", rank ? "found" : "missed", answer ? rankText(rank) : "not asked"));
      }
      add(body, row);
    });
    const caption = make("caption", "", "What was expected, and where each strategy put it");
    return add(make("div", "wide"), add(table, caption, add(make("thead"), head), body));
  };

  const MARKS = { gain: "✓", repeat: "=", none: "·" };
  const hitItem = ([at, gain, again]) => {
    const [place, about, excerpt] = data.passages[at];
    const kind = gain > 0 ? "gain" : again ? "repeat" : "none";
    const says = gain > 0 ? `expected, gain ${gain}` : again ? "expected, but found above already" : "not expected";
    const mark = make("span", `mark ${kind}`, MARKS[kind]);
    mark.title = says;
    const item = make("li", kind);
    add(item, mark, make("span", "unseen", `${says}: `), make("code", "place", place));
    if (about) add(item, make("div", "about", about));
    if (excerpt >= 0) add(item, make("div", "excerpt", data.excerpts[excerpt]));
    return item;
  };

  const strategyColumn = (question, index) => {
    const strategy = data.strategies[index];
    const answer = question.answers[index];
    const column = make("section", "column");
    const head = add(make("h3"), make("span", `badge ${strategy.color}`, String(index + 1)), ` ${strategy.name}`);
    add(column, head);
    if (!answer) return add(column, make("p", "faint", "Not asked."));
    const figures = `nDCG ${figure(answer.ndcg)}, recall ${figure(answer.recall)}, ${answer.ms} ms`;
    add(column, make("p", "faint", figures));
    if (answer.error) return add(column, make("p", "error", answer.error));
    if (!answer.hits.length) return add(column, make("p", "faint", "Nothing was found."));
    const list = make("ol", "hits");
    for (const hit of answer.hits) add(list, hitItem(hit));
    return add(column, list);
  };

  const fill = (body, question) => {
    const side = make("div", "columns wide");
    side.tabIndex = 0;
    side.setAttribute("role", "region");
    side.setAttribute("aria-label", `Hits for ${question.id}, side by side`);
    for (const index of columns()) add(side, strategyColumn(question, index));
    body.replaceChildren(expectedTable(question), side);
  };

  const level = (value) => (value <= 0 ? 0 : Math.ceil(value * 4));
  const cells = (question) => {
    const all = make("span", "cells");
    const values = [];
    data.strategies.forEach((strategy, index) => {
      const answer = question.answers[index];
      const cell = make("span", answer ? `cell level${level(answer.ndcg)}` : "cell absent");
      cell.title = `${strategy.name}: ${answer ? figure(answer.ndcg) : "not asked"}`;
      if (answer) values.push(answer.ndcg);
      add(all, cell);
    });
    all.setAttribute("role", "img");
    const range = `nDCG from ${figure(Math.min(...values))} to ${figure(Math.max(...values))}`;
    all.setAttribute("aria-label", values.length ? range : "not asked");
    return all;
  };

  const questionItem = (question) => {
    const details = make("details", "question");
    details.dataset.id = question.id;
    const summary = add(make("summary"), cells(question), make("span", "query", question.query));
    add(summary, make("code", "id", question.id));
    for (const tag of question.tags) add(summary, make("span", "tag", tag));
    if (question.language) add(summary, make("span", "tag", question.language));
    const body = make("div", "body");
    details.addEventListener("toggle", () => {
      if (details.open) fill(body, question);
      else body.replaceChildren();
    });
    return add(make("li"), add(details, summary, body));
  };

  // --- which questions are listed -----------------------------------------------------------

  const values = (question) => columns().map((index) => question.answers[index]).filter(Boolean).map((answer) => answer.ndcg);
  const spread = (question) => {
    const all = values(question);
    return all.length ? Math.max(...all) - Math.min(...all) : 0;
  };
  const mean = (question) => {
    const all = values(question);
    return all.length ? all.reduce((sum, value) => sum + value, 0) / all.length : 0;
  };
  const KINDS = {
    all: () => true,
    differs: (question) => spread(question) > 1e-9,
    missed: (question) => values(question).some((value) => value === 0),
    lost: (question) => values(question).length > 0 && values(question).every((value) => value === 0),
  };
  const ORDERS = {
    file: null,
    spread: (a, b) => spread(b) - spread(a),
    hard: (a, b) => mean(a) - mean(b),
  };

  const byId = (id) => document.getElementById(id);
  const controls = { text: byId("text"), tag: byId("tag"), language: byId("language"), kind: byId("kind"), order: byId("order") };
  const list = byId("questions-list");
  const more = byId("more");
  let found = [];
  let listed = 0;

  data.questions.forEach((question) => {
    const places = question.expected.map(([anchor]) => anchor);
    question.haystack = [question.id, question.query, ...question.tags, ...places].join("\n").toLowerCase();
  });

  const listMore = () => {
    const next = found.slice(listed, listed + BATCH);
    add(list, ...next.map(questionItem));
    listed += next.length;
    const left = found.length - listed;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(BATCH, left)} more of ${left}`;
    byId("count").textContent = `${found.length} of ${data.questions.length} questions`;
  };

  function refresh() {
    const words = controls.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tag = controls.tag ? controls.tag.value : "";
    const language = controls.language ? controls.language.value : "";
    const kind = KINDS[controls.kind.value];
    const order = ORDERS[controls.order.value];
    found = data.questions.filter(
      (question) =>
        words.every((word) => question.haystack.includes(word)) &&
        (!tag || question.tags.includes(tag)) &&
        (!language || question.language === language) &&
        kind(question),
    );
    if (order) found.sort(order);
    const open = new Set([...list.querySelectorAll("details[open]")].map((details) => details.dataset.id));
    list.replaceChildren();
    listed = 0;
    listMore();
    // What was open stays open, with the strategies that are chosen now.
    for (const details of list.querySelectorAll("details")) details.open = open.has(details.dataset.id);
    byId("chosen").textContent = `${shown.size} of ${data.strategies.length}`;
  }

  for (const control of Object.values(controls)) {
    if (control) control.addEventListener(control === controls.text ? "input" : "change", refresh);
  }
  more.addEventListener("click", () => {
    const before = list.children.length;
    listMore();
    // Who came by keyboard goes on at the first that is new.
    list.children[before]?.querySelector("summary").focus();
  });
  byId("whole").addEventListener("change", (event) => list.classList.toggle("whole", event.target.checked));
  byId("browser").hidden = false;
  refresh();
})();
