package page

// style is all of the page's. The colours have a contrast of 4.5 to 1 and more with what they stand on.
const style = `
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --card: #ffffff; --ink: #1b1d21; --soft: #575d66; --line: #dddcd6; --faint: #efeee9; --link: #1c57b5;
  --plan: #6b7280; --rewrite: #8a6d3b; --look: #5b7083; --archive: #a85f00; --upload: #1f62c4; --push: #1f62c4; --copy: #0b7a68; --refresh: #7446ae; --wait: #b42318;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #131519; --card: #1a1d22; --ink: #e9e7e2; --soft: #a6adb7; --line: #33373e; --faint: #22262c; --link: #82b1ff;
    --plan: #9aa3af; --rewrite: #c8a76a; --look: #93aabf; --archive: #e6a54a; --upload: #74aaff; --push: #74aaff; --copy: #4cc9b0; --refresh: #b99af0; --wait: #ff8d82;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0 auto; padding: clamp(1rem, 4vw, 3rem) clamp(1rem, 4vw, 3rem) 2rem; max-width: 84rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere;
}
code, pre { font: 0.86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
a { color: var(--link); text-underline-offset: 0.15em; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
small, .more, .note, .hint, caption, .kicker { color: var(--soft); font-size: 0.86rem; }

header { margin-bottom: 1.75rem; }
.kicker { margin: 0; text-transform: uppercase; letter-spacing: 0.08em; font-size: 0.75rem; }
h1 { margin: 0.1rem 0 0.3rem; font-size: clamp(1.5rem, 4.5vw, 2.3rem); line-height: 1.15; letter-spacing: -0.02em; font-weight: 650; }
.lead { margin: 0; color: var(--soft); max-width: 60rem; }
.facts { display: flex; flex-wrap: wrap; gap: 0.75rem 2.25rem; margin: 1.25rem 0 0; padding: 1rem 0 0; border-top: 1px solid var(--line); }
.facts div { display: flex; flex-direction: column-reverse; }
.facts dt { color: var(--soft); font-size: 0.86rem; }
.facts dd { margin: 0; font-size: 1.45rem; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }

nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin-bottom: 2.25rem; font-size: 0.93rem; }
section { margin-bottom: 2.75rem; }
h2 { margin: 0 0 0.75rem; font-size: 1.2rem; letter-spacing: -0.01em; font-weight: 650; }
h3 { margin: 0; font-size: 0.93rem; font-weight: 600; }
.note { margin: -0.4rem 0 0.75rem; }
.paper { display: none; }

.warnings { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.75rem; }
.warnings li { border-left: 3px solid var(--archive); background: var(--card); padding: 0.7rem 1rem; }
.warnings p { margin: 0; }
.warnings pre { margin: 0.4rem 0; }

.groups { list-style: none; margin: 0; padding: 0; }
.groups > li { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 0 1rem; padding: 0.55rem 0; border-top: 1px solid var(--line); }
.lane { display: grid; grid-template-columns: 5rem minmax(0, 1fr) 8.5rem; gap: 0 0.75rem; align-items: center; font-size: 0.82rem; line-height: 1.3; }
.scale { margin-left: 12rem; color: var(--soft); }
.scale text { fill: currentColor; font-size: 11px; font-variant-numeric: tabular-nums; }
.lane svg, .share svg { display: block; width: 100%; overflow: visible; }
.lane .what { color: var(--soft); }
.lane .figure { color: var(--soft); text-align: right; white-space: nowrap; }
.grid { stroke: var(--line); fill: none; stroke-width: 1; vector-effect: non-scaling-stroke; }
.bar { stroke-width: 1; vector-effect: non-scaling-stroke; fill: currentColor; stroke: currentColor; }
.plan { color: var(--plan); } .rewrite { color: var(--rewrite); } .look { color: var(--look); } .archive { color: var(--archive); }
.upload { color: var(--upload); } .push { color: var(--push); } .copy { color: var(--copy); } .refresh { color: var(--refresh); } .wait { color: var(--wait); }
.lanes details { margin-top: 0.15rem; }
.lanes summary { color: var(--soft); font-size: 0.8rem; cursor: pointer; width: max-content; }
.lanes details .lane { margin-left: -12rem; grid-template-columns: 17rem minmax(0, 1fr) 8.5rem; padding: 0.1rem 0; }
.lanes details .what { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }

.scroll { overflow: auto; max-height: 85vh; border: 1px solid var(--line); border-radius: 6px; background: var(--card); }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 0.86rem; overflow-wrap: normal; }
caption { text-align: left; padding: 0.5rem 0.75rem; caption-side: bottom; }
th, td { padding: 0.4rem 0.75rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--faint); }
thead th, thead td { position: sticky; top: 0; z-index: 1; background: var(--card); border-bottom: 1px solid var(--line); font-weight: 600; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { font-weight: 500; white-space: nowrap; }
.figure { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.nowrap td { white-space: nowrap; }
.nowrap td wbr, .matrix code wbr, .matrix td wbr { display: none; }
th small, td small { display: block; font-weight: 400; line-height: 1.35; }

.matrix td { white-space: nowrap; }
.matrix tbody th, .matrix thead th:first-child { position: sticky; left: 0; background: var(--card); border-right: 1px solid var(--line); width: 17rem; min-width: 9.5rem; max-width: 17rem; }
.matrix thead th:first-child { z-index: 2; }
.matrix tbody th { overflow-wrap: anywhere; white-space: normal; }
.matrix code { display: block; max-width: 15rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--soft); font-weight: 400; }
.matrix td code, .matrix td small { max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.matrix td small { unicode-bidi: isolate; }
.matrix b { font-weight: 600; }
.matrix b::before { display: inline-block; width: 1.25em; content: "○" / ""; }
.matrix .uploaded { color: var(--upload); } .matrix .uploaded::before { content: "↑" / ""; }
.matrix .copied { color: var(--copy); } .matrix .copied::before { content: "⇄" / ""; }
.matrix .refreshed { color: var(--refresh); } .matrix .refreshed::before { content: "↻" / ""; }
.matrix .reused { color: var(--soft); } .matrix .reused::before { content: "=" / ""; }
.matrix .planned, .matrix .none { color: var(--soft); }

.artifacts details { border-top: 1px solid var(--line); padding: 0.5rem 0; }
.artifacts > details:last-child { border-bottom: 1px solid var(--line); }
.smaller > summary { cursor: pointer; color: var(--soft); margin-bottom: 0.5rem; }
.artifact > summary { cursor: pointer; display: grid; grid-template-columns: minmax(0, 1fr) 8rem 15rem; gap: 0 1rem; align-items: baseline; }
.artifact > summary::before { content: "▸" / ""; color: var(--soft); position: absolute; }
.artifact[open] > summary::before { content: "▾" / ""; }
.artifact > summary strong { font-weight: 600; padding-left: 1.1rem; }
.artifact > summary span { color: var(--soft); }
.artifact > summary span:nth-of-type(1) { text-align: right; }
.artifact > summary .figure { color: var(--ink); white-space: normal; }
.artifacts small { white-space: nowrap; }
.details { margin: 0.6rem 0; padding-left: 1.1rem; display: grid; gap: 0.2rem; font-size: 0.86rem; }
.details div { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0 0.75rem; }
.details dt { color: var(--soft); }
.details dd { margin: 0; }
.details ul { margin: 0; padding: 0; list-style: none; }
.details small { white-space: normal; }
.details .more { margin: 0; }
.artifacts .scroll { border: 0; border-radius: 0; background: none; margin: 0.5rem 0 0.25rem 1.1rem; }
.artifacts .more { margin: 0 0 0.5rem 1.85rem; }
.bars caption { caption-side: top; padding: 0.25rem 0.75rem; color: var(--ink); font-weight: 600; }
.bars thead th, .bars thead td { position: static; background: none; padding-top: 0; color: var(--soft); font-weight: 400; border-bottom: 0; }
.bars th, .bars td { padding: 0.2rem 0.75rem; border-bottom: 0; vertical-align: middle; }
.bars tbody th { width: 40%; min-width: 9rem; overflow-wrap: anywhere; white-space: normal; font-weight: 400; }
.share { width: 40%; min-width: 5rem; }
.whole { fill: var(--faint); } .part { fill: var(--upload); }

@media screen and (max-width: 720px) {
  .groups > li { grid-template-columns: minmax(0, 1fr); gap: 0.2rem; }
  .lane, .lanes details .lane { margin-left: 0; grid-template-columns: minmax(0, 1fr) max-content; }
  .lane svg { grid-row: 2; grid-column: 1 / -1; }
  .scale { margin-left: 0; }
  .matrix tbody th, .matrix thead th:first-child { width: 9.5rem; max-width: 9.5rem; }
  .matrix tbody th code { max-width: 8rem; }
  .artifact > summary { grid-template-columns: minmax(0, 1fr) max-content; }
  .artifact > summary span:nth-of-type(1) { display: none; }
  .artifacts small { display: block; white-space: normal; }
  .artifacts .scroll { margin-left: 0; }
  .bars { font-size: 0.8rem; }
  .bars th, .bars td { padding: 0.2rem 0.25rem; }
  .bars tbody th { width: auto; }
  .share { width: 18%; min-width: 2.5rem; }
  .bars .percent { display: none; }
  .details { padding-left: 0; }
  .details div { grid-template-columns: 4.6rem minmax(0, 1fr); }
}
@media print {
  :root { color-scheme: light; --paper: #ffffff; --ink: #000000; --soft: #444444; --link: #000000; }
  .groups > li { grid-template-columns: 9.5rem minmax(0, 1fr); }
  .scale { margin-left: 10.5rem; }
  .huge { display: none; }
  .paper { display: block; }
  .artifact > summary { grid-template-columns: minmax(0, 1fr) 7rem 13rem; }
  .lanes details { display: none; }
  @page { margin: 14mm; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  nav { display: none; }
  a { text-decoration: none; color: inherit; }
  .scroll { overflow: visible; max-height: none; border: 0; }
  thead th, .matrix tbody th, .matrix thead th:first-child { position: static; border-right: 0; }
  tr, .groups > li, .warnings li, .lane { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  .matrix td { white-space: normal; }
  .bar, .part, .whole { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .artifact::details-content { content-visibility: visible; block-size: auto; }
  .wide, .wide tbody, .wide tr, .wide td, .wide tbody th { display: block; width: auto; max-width: none; }
  .wide thead { display: none; }
  .wide td { display: inline-block; vertical-align: top; width: 24%; border: 0; padding: 0.15rem 0.5rem; }
  .wide td::before { content: attr(data-region); display: block; font-weight: 600; }
}
`
