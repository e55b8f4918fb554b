"""The style sheet of the page of documentation, light and dark."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """\
:root { color-scheme: light dark; --page: #fff; --text: #1c2126; --soft: #5b6672; --line: #dfe3e8;
  --panel: #f6f8fa; --accent: #0b5cad; --good: #17713a; --bad: #b3261e; --warn: #8a5a00;
  --keyword: #8250a8; --string: #0a6b4e; --number: #9a4a00; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --text: #dfe5ea; --soft: #98a4b0;
  --line: #2c343c; --panel: #1b2127; --accent: #6cb2f5; --good: #5cc98a; --bad: #ff8a80;
  --warn: #e8b44f; --keyword: #c9a3f0; --string: #7fd4b0; --number: #f0b27a; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif;
  display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1.25rem;
  border-right: 1px solid var(--line); background: var(--panel); font-size: 14px; }
nav h2 { margin: 1.4rem 0 .3rem; font-size: 12px; color: var(--soft); font-weight: 600;
  text-transform: uppercase; letter-spacing: .05em; border: 0; padding: 0; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li { padding: .12rem 0; overflow-wrap: anywhere; }
main { padding: 1.5rem 2.5rem 5rem; max-width: 68rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
nav h1 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .6rem; padding-top: 1.2rem;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
h3 { font-size: .95rem; margin: 1.5rem 0 .4rem; }
p { margin: .4rem 0; max-width: 60rem; }
.soft { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: .32rem 1.1rem .32rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.bookkeeping td { color: var(--soft); }
code, pre, svg text { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono",
  Consolas, monospace; }
code { font-size: .92em; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1.2rem;
  margin: .6rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin-top: 1rem; }
summary { cursor: pointer; font-weight: 600; font-size: .95rem; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: .8rem 1rem; overflow-x: auto; font-size: 13px; line-height: 1.5; }
pre .k { color: var(--keyword); } pre .s { color: var(--string); }
pre .n { color: var(--number); } pre .c { color: var(--soft); font-style: italic; }
svg.graph { display: block; }
.graph .edge { fill: none; stroke: var(--soft); stroke-width: 1.3; }
.graph marker path { fill: var(--soft); }
.graph rect { fill: var(--panel); stroke: var(--accent); stroke-width: 1.3; }
.graph .outside rect { stroke: var(--soft); stroke-dasharray: 4 3; }
.graph text { font-size: 12px; fill: var(--text); }
.graph .model .name { font-weight: 600; fill: var(--accent); }
.graph .model .table { fill: var(--soft); }
.graph a:hover rect { stroke-width: 2.4; }
@media (max-width: 50rem) { body { display: block; } main { padding: 1rem 1.1rem 4rem; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); } }
@media print { nav { display: none; } body { display: block; } }
"""
