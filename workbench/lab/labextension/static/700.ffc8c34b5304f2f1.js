"use strict";(self.rspackChunk_workbench_dataspace_lab=self.rspackChunk_workbench_dataspace_lab||[]).push([[700],{28(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`/* Parts that every section and page uses. Colours come from JupyterLab's themes alone. */

.wb-Widget {
  --wb-gap: 8px;
  --wb-radius: 6px;
  --wb-muted: var(--jp-ui-font-color1);
  --wb-line: var(--jp-border-color2);
  --wb-soft: var(--jp-layout-color2);
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.45;
}

.wb-Widget *,
.wb-Widget *::before {
  box-sizing: border-box;
}

:where(.wb-Widget) :where(h1, h2, h3, p, dl, dd, ul) {
  margin: 0;
  padding: 0;
}

:where(.wb-Widget) :where(h1, h2, h3) {
  font-size: inherit;
  font-weight: inherit;
}

.wb-Widget [hidden] {
  display: none;
}

.wb-Widget :focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.wb-Hidden {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.wb-Muted {
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}

.wb-Mono {
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.wb-Glyph {
  flex: none;
  vertical-align: -3px;
}

.wb-Button {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  min-height: 28px;
  padding: 3px 12px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: inherit;
  cursor: pointer;
}

.wb-Button:hover:not([aria-disabled='true']) {
  background: var(--jp-layout-color2);
}

.wb-Button.wb-mod-primary {
  border-color: transparent;
  background: var(--jp-accept-color-normal, var(--jp-brand-color1));
  /* As JupyterLab's own accept buttons, in both themes. */
  color: white;
  font-weight: 600;
}

.wb-Button.wb-mod-primary:hover:not([aria-disabled='true']) {
  background: var(--jp-accept-color-hover, var(--jp-brand-color0));
}

.wb-Button.wb-mod-danger {
  border-color: transparent;
  background: var(--jp-reject-color-normal, var(--jp-error-color1));
  color: white;
  font-weight: 600;
}

.wb-Button.wb-mod-quiet {
  min-height: 24px;
  padding: 2px 6px;
  border-color: transparent;
  background: transparent;
}

.wb-Button[aria-disabled='true'] {
  border-color: var(--jp-border-color2);
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color2);
  font-weight: 400;
  cursor: not-allowed;
}

.wb-Input {
  width: 100%;
  min-height: 28px;
  padding: 3px 8px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
  background: var(--jp-layout-color0);
  color: var(--jp-ui-font-color0);
  font: inherit;
}

.wb-Input::placeholder {
  color: var(--jp-ui-font-color2);
}

.wb-Badge {
  display: inline-block;
  padding: 0 8px;
  border: 1px solid var(--wb-line);
  border-radius: 10px;
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color0);
  font-size: var(--jp-ui-font-size0);
  line-height: 18px;
  white-space: nowrap;
}

.wb-Problem {
  display: flex;
  flex-direction: column;
  align-items: flex-start;
  gap: 4px;
  margin: var(--wb-gap);
  padding: 8px 10px;
  border-left: 3px solid var(--jp-error-color1);
  border-radius: 0 4px 4px 0;
  background: var(--jp-layout-color2);
  overflow-wrap: anywhere;
}

.wb-Problem.wb-mod-warning {
  border-left-color: var(--jp-warn-color1);
}

.wb-Problem.wb-mod-info {
  border-left-color: var(--jp-info-color1);
}

.wb-Empty {
  padding: 12px;
  color: var(--wb-muted);
}

.wb-Loading {
  display: flex;
  flex-direction: column;
  gap: 10px;
  padding: 14px 12px;
}

.wb-Loading i {
  height: 12px;
  border-radius: 6px;
  background: var(--jp-layout-color2);
  animation: wb-breathe 1.2s ease-in-out infinite alternate;
}

.wb-Loading i:nth-child(2) {
  width: 80%;
}

.wb-Loading i:nth-child(3) {
  width: 55%;
}

@keyframes wb-breathe {
  to {
    opacity: 0.45;
  }
}

@media (prefers-reduced-motion: reduce) {
  .wb-Loading i {
    animation: none;
  }
}

.wb-Meter {
  height: 6px;
  overflow: hidden;
  border-radius: 3px;
  background: var(--jp-layout-color3);
}

.wb-Meter > span {
  display: block;
  height: 100%;
  border-radius: 3px;
  background: var(--jp-brand-color1);
}

.wb-Meter.wb-mod-warn > span {
  background: var(--jp-warn-color1);
}

.wb-Meter.wb-mod-error > span {
  background: var(--jp-error-color1);
}

.wb-Meter.wb-mod-success > span {
  background: var(--jp-success-color1);
}

.wb-Facts > div {
  display: grid;
  grid-template-columns: minmax(80px, 34%) 1fr;
  gap: 12px;
  padding: 5px 0;
  border-top: 1px solid var(--jp-border-color3);
}

.wb-Facts > div:first-child {
  border-top: none;
}

.wb-Facts dt {
  color: var(--wb-muted);
}

.wb-Facts dd {
  color: var(--jp-ui-font-color0);
  overflow-wrap: anywhere;
}

.wb-Page {
  height: 100%;
  overflow: auto;
  padding: 20px 24px 40px;
  container-type: inline-size;
}

.wb-Page:focus {
  outline: none;
}

.wb-Page h1 {
  color: var(--jp-ui-font-color0);
  font-size: 22px;
  font-weight: 600;
  line-height: 1.25;
}

.wb-Card {
  padding: 14px 16px 16px;
  border: 1px solid var(--wb-line);
  border-radius: var(--wb-radius);
  background: var(--jp-layout-color1);
}

.wb-Card > header {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  justify-content: space-between;
  gap: 4px 12px;
  margin-bottom: 10px;
}

.wb-Card h2 {
  color: var(--jp-ui-font-color0);
  font-size: 14px;
  font-weight: 600;
}

.wb-Table {
  width: 100%;
  border-collapse: collapse;
  font-variant-numeric: tabular-nums;
}

.wb-Table th,
.wb-Table td {
  padding: 5px 12px 5px 0;
  border-bottom: 1px solid var(--jp-border-color3);
  text-align: left;
  vertical-align: top;
}

.wb-Table th {
  color: var(--wb-muted);
  font-weight: 600;
}

.wb-Scroll {
  overflow: auto;
}
`,""]),r.d(o,{},{A:n})},30(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-Catalog {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-height: 0;
}

.wb-Domains {
  flex: none;
  max-height: 200px;
  overflow-y: auto;
  padding: 2px 12px 6px;
  list-style: none;
}

.wb-Domain {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0 8px;
  padding: 3px 0;
}

.wb-Domain-dot {
  width: 9px;
  height: 9px;
  border-radius: 50%;
  background: var(--jp-layout-color4);
}

[data-state='up'] > .wb-Domain-dot {
  background: var(--jp-success-color1);
}

[data-state='slow'] > .wb-Domain-dot {
  background: var(--jp-warn-color1);
}

[data-state='down'] > .wb-Domain-dot {
  border-radius: 1px;
  background: var(--jp-error-color1);
}

[data-state='denied'] > .wb-Domain-dot {
  border: 2px solid var(--jp-error-color1);
  border-radius: 1px;
  background: none;
}

.wb-Domain-name {
  flex: 1;
  overflow: hidden;
  color: var(--jp-ui-font-color0);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.wb-Domain-state {
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}

.wb-Domain-words {
  display: -webkit-box;
  flex-basis: 100%;
  overflow: hidden;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 3;
  margin-left: 17px;
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}

.wb-Search {
  flex: none;
  padding: 2px 12px 0;
}

.wb-Search-line {
  position: relative;
  display: flex;
  gap: 4px;
}

.wb-Search-line > .wb-Glyph {
  position: absolute;
  top: 6px;
  left: 7px;
  color: var(--jp-ui-font-color2);
  pointer-events: none;
}

.wb-Search-text {
  padding-left: 28px;
}

.wb-Filters {
  display: grid;
  grid-template-columns: 1fr 1fr;
  gap: 6px 10px;
  padding: 8px 0 4px;
}

.wb-Filters label {
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}

.wb-Filters .wb-Input {
  padding: 2px 4px;
  font-size: var(--jp-ui-font-size1);
}

.wb-Filters > .wb-Button {
  align-self: end;
  justify-content: center;
}

.wb-Catalog-count {
  flex: none;
  padding: 6px 12px 4px;
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}

.wb-List {
  flex: 1;
  min-height: 108px;
  overflow-y: auto;
  contain: strict;
}

.wb-List:focus-visible {
  outline-offset: -2px;
}

.wb-Row {
  position: absolute;
  top: 0;
  left: 0;
  display: flex;
  align-items: center;
  gap: 10px;
  width: 100%;
  height: 54px;
  padding: 0 12px;
  border-left: 3px solid transparent;
  color: var(--jp-ui-font-color1);
  cursor: pointer;
}

.wb-Row:hover {
  background: var(--jp-layout-color2);
}

.wb-Row[aria-selected='true'] {
  border-left-color: var(--jp-brand-color1);
  background: var(--jp-layout-color2);
}

.wb-Row-text {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-width: 0;
}

.wb-Row-text > * {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.wb-Row-title {
  color: var(--jp-ui-font-color0);
  font-weight: 500;
}

.wb-Row-path {
  font-size: var(--jp-ui-font-size0);
}

.wb-Row-budget {
  flex: none;
  width: 44px;
  font-size: var(--jp-ui-font-size0);
  font-variant-numeric: tabular-nums;
  text-align: right;
}

.wb-Row-bar {
  display: block;
  height: 4px;
  margin-top: 2px;
  overflow: hidden;
  border-radius: 2px;
  background: var(--jp-layout-color3);
}

.wb-Row-bar > span {
  display: block;
  height: 100%;
  background: var(--jp-brand-color1);
}

.wb-Row-bar[data-low='true'] > span {
  background: var(--jp-warn-color1);
}
`,""]),r.d(o,{},{A:n})},36(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-series-0 {
  --wb-series: var(--jp-brand-color1);
}
.wb-series-1 {
  --wb-series: var(--jp-warn-color1);
}
.wb-series-2 {
  --wb-series: var(--jp-success-color1);
}
.wb-series-3 {
  --wb-series: var(--jp-error-color1);
}
.wb-series-4 {
  --wb-series: var(--jp-info-color1);
}
.wb-series-5 {
  --wb-series: var(--jp-ui-font-color1);
}

.wb-chart {
  margin: 4px 0 12px;
  max-width: 640px;
  min-width: 0;
}

.wb-chart-title {
  font-weight: 600;
  margin-bottom: 2px;
  overflow-wrap: anywhere;
}

.wb-chart-drawing {
  position: relative;
}

.wb-chart svg {
  display: block;
  max-width: 100%;
}

.wb-chart text {
  font-family: var(--jp-ui-font-family);
  font-size: 11px;
  fill: var(--jp-ui-font-color1);
  unicode-bidi: isolate;
}

.wb-chart .wb-chart-axis text,
.wb-chart .wb-chart-label {
  fill: var(--wb-muted);
}

.wb-chart-axis line {
  stroke: var(--jp-border-color1);
}
.wb-chart-axis .wb-chart-grid {
  stroke: var(--jp-border-color2);
  stroke-dasharray: 1 3;
}
.wb-chart-bar {
  fill: var(--wb-series);
}
.wb-chart-bar:hover {
  opacity: 0.8;
}
.wb-chart-line {
  fill: none;
  stroke: var(--wb-series);
  stroke-width: 2;
  stroke-linejoin: round;
}
.wb-chart-marker {
  fill: var(--wb-series);
  stroke: var(--jp-layout-color1);
}
.wb-chart-band {
  fill: var(--wb-series);
  opacity: 0.16;
}
.wb-chart-error {
  fill: none;
  stroke: var(--jp-ui-font-color1);
  stroke-width: 1.5;
}
.wb-chart-limit {
  stroke: var(--jp-error-color1);
  stroke-width: 1.5;
  stroke-dasharray: 8 4;
}
.wb-chart-hit {
  fill: transparent;
}

.wb-chart-tip {
  position: absolute;
  z-index: 10;
  max-width: 220px;
  padding: 3px 8px;
  border-radius: 3px;
  overflow-wrap: anywhere;
  pointer-events: none;
  color: var(--jp-ui-inverse-font-color1);
  background: var(--jp-inverse-layout-color1);
  font-size: var(--jp-ui-font-size0);
}

.wb-chart-note {
  margin: 0;
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}

.wb-chart-legend {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 16px;
  margin: 2px 0;
  padding: 0;
  list-style: none;
}

.wb-chart-legend li {
  display: flex;
  gap: 6px;
  align-items: center;
  overflow-wrap: anywhere;
}

.wb-gauge {
  display: block;
  min-width: 60px;
}
.wb-gauge svg {
  display: block;
}
.wb-gauge-track {
  fill: var(--jp-layout-color3);
}
.wb-gauge-left {
  fill: var(--jp-brand-color1);
}
.wb-gauge-asked {
  fill: var(--jp-warn-color1);
}
.wb-gauge-hatch {
  stroke: var(--jp-layout-color0);
  stroke-width: 1.5;
}

.wb-gauge-words {
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}
`,""]),r.d(o,{},{A:n})},31(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-Dataset {
  display: flex;
  flex-direction: column;
  gap: 14px;
  max-width: 1180px;
  margin: 0 auto;
}

.wb-Dataset-head {
  display: flex;
  gap: 14px;
}

.wb-Dataset-icon {
  display: grid;
  flex: none;
  width: 52px;
  height: 52px;
  place-items: center;
  border-radius: 10px;
  background: var(--jp-layout-color2);
  color: var(--jp-brand-color1);
}

.wb-Dataset-badges {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  margin-top: 6px;
}

.wb-Actions {
  position: sticky;
  z-index: 2;
  top: -20px;
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  padding: 8px 0;
  background: var(--jp-layout-color1);
}

.wb-Dataset-columns {
  display: grid;
  gap: 14px;
  grid-template-columns: minmax(0, 1fr);
}

.wb-Dataset-main,
.wb-Dataset-side {
  display: flex;
  flex-direction: column;
  gap: 14px;
  min-width: 0;
}

@container (min-width: 760px) {
  .wb-Dataset-columns {
    grid-template-columns: minmax(0, 1fr) 300px;
  }
}

.wb-Prose {
  max-width: 72ch;
  color: var(--jp-ui-font-color0);
  white-space: pre-line;
}

.wb-Card .wb-Prose + .wb-Facts {
  margin-top: 8px;
}

.wb-Synthetic {
  padding: 0 8px;
  border: 1px dashed var(--jp-border-color0);
  border-radius: 9px;
  font-size: var(--jp-ui-font-size0);
}

.wb-Snippet-rows {
  max-height: 268px;
}

.wb-Snippet-rows th {
  position: sticky;
  z-index: 1;
  top: 0;
  background: var(--jp-layout-color1);
  white-space: nowrap;
}

.wb-Snippet-rows td {
  white-space: nowrap;
}

.wb-Snippet-rows td[data-number='true'] {
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.wb-Fields th[scope='row'] {
  color: var(--jp-ui-font-color0);
  font-weight: 400;
}

.wb-Fields .wb-Badge {
  margin-left: 6px;
  font-family: var(--jp-ui-font-family);
}

.wb-Arrays {
  display: grid;
  gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax(84px, 1fr));
  margin-bottom: 10px;
}

.wb-Arrays.wb-mod-series {
  grid-template-columns: repeat(auto-fill, minmax(200px, 1fr));
}

.wb-Arrays figure {
  margin: 0;
}

.wb-Arrays canvas {
  display: block;
  width: 100%;
  border-radius: 4px;
  background: var(--jp-layout-color3);
  image-rendering: pixelated;
}

.wb-Arrays svg {
  display: block;
  width: 100%;
  height: 60px;
  border-radius: 4px;
  background: var(--jp-layout-color2);
}

.wb-Arrays polyline {
  fill: none;
  stroke: var(--jp-brand-color1);
  stroke-width: 1.2;
  vector-effect: non-scaling-stroke;
}

.wb-Arrays polyline[data-channel='1'] {
  stroke: var(--jp-warn-color1);
}

.wb-Arrays polyline[data-channel='2'] {
  stroke: var(--jp-success-color1);
}

.wb-Arrays polyline[data-channel='3'] {
  stroke: var(--jp-error-color1);
}

.wb-Arrays figcaption {
  overflow: hidden;
  margin-top: 3px;
  font-size: var(--jp-ui-font-size0);
  text-align: center;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.wb-Plots {
  display: grid;
  gap: 14px 16px;
  grid-template-columns: repeat(auto-fill, minmax(130px, 1fr));
}

.wb-Plots + .wb-Button,
.wb-Scroll + .wb-Button {
  margin-top: 12px;
}

.wb-Plot {
  padding: 4px;
  border: 1px solid transparent;
  border-radius: 4px;
  background: none;
  color: var(--jp-ui-font-color1);
  font: inherit;
  text-align: left;
  cursor: zoom-in;
}

.wb-Plot:hover,
.wb-Plot[aria-pressed='true'] {
  border-color: var(--wb-line);
  background: var(--jp-layout-color2);
}

.wb-Plot-name {
  display: block;
  overflow: hidden;
  margin-bottom: 4px;
  color: var(--jp-ui-font-color0);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.wb-Plot svg {
  display: block;
  width: 100%;
  height: 52px;
  border-bottom: 1px solid var(--jp-border-color1);
}

.wb-Plot rect {
  fill: var(--jp-brand-color1);
}

.wb-Plot-ends {
  display: flex;
  gap: 8px;
  justify-content: space-between;
  font-size: var(--jp-ui-font-size0);
  font-variant-numeric: tabular-nums;
}

.wb-Plot-ends span {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.wb-Gauge {
  display: block;
  width: 100%;
  max-width: 230px;
  margin: 0 auto 8px;
}

.wb-Gauge path {
  fill: none;
  stroke-linecap: round;
  stroke-width: 14;
}

.wb-Gauge-track {
  stroke: var(--jp-layout-color3);
}

.wb-Gauge-left {
  stroke: var(--jp-success-color1);
}

.wb-Gauge[data-level='low'] .wb-Gauge-left {
  stroke: var(--jp-warn-color1);
}

.wb-Gauge[data-level='empty'] .wb-Gauge-left {
  stroke: var(--jp-error-color1);
}

.wb-Gauge text {
  fill: var(--jp-ui-font-color1);
  font-size: 11px;
  text-anchor: middle;
}

.wb-Gauge .wb-Gauge-number {
  fill: var(--jp-ui-font-color0);
  font-size: 30px;
  font-weight: 600;
}

.wb-Models {
  list-style: none;
}

.wb-Card > .wb-Empty {
  padding: 0;
}

.wb-Models button {
  display: flex;
  flex-direction: column;
  width: 100%;
  padding: 6px 8px;
  border: none;
  border-radius: 4px;
  background: none;
  color: var(--jp-ui-font-color1);
  font: inherit;
  text-align: left;
  cursor: pointer;
}

.wb-Models button:hover {
  background: var(--jp-layout-color2);
}

.wb-Models strong {
  color: var(--jp-content-link-color, var(--jp-brand-color1));
  font-weight: 600;
}
`,""]),r.d(o,{},{A:n})},25(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=r.n(i),l=r(28),p=r(29),d=r(30),s=r(31),c=r(32),b=r(33),w=r(34),u=r(35),x=r(36),f=n()(t());f.i(l.A),f.i(p.A),f.i(d.A),f.i(s.A),f.i(c.A),f.i(b.A),f.i(w.A),f.i(u.A),f.i(x.A),f.push([e.id,`
`,""]),r.d(o,{},{A:f})},29(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-Panel {
  display: flex;
  flex-direction: column;
  height: 100%;
  overflow-y: auto;
}

.wb-Panel-head {
  display: flex;
  align-items: center;
  justify-content: space-between;
  padding: 4px 6px 4px 12px;
  color: var(--wb-muted);
  font-size: var(--jp-ui-font-size0);
}

.wb-Section {
  display: flex;
  flex: none;
  flex-direction: column;
  border-top: 1px solid var(--wb-line);
}

.wb-Section[data-open='true'] {
  flex: 1 1 auto;
  min-height: 120px;
  max-height: 60%;
}

.wb-Section[data-open='true'][data-grows='true'] {
  flex: 3 1 280px;
  min-height: 280px;
  max-height: none;
}

.wb-Section-toggle {
  display: flex;
  align-items: center;
  gap: 6px;
  width: 100%;
  padding: 6px 10px;
  border: none;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color0);
  font: inherit;
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  letter-spacing: 0.6px;
  text-align: left;
  text-transform: uppercase;
  cursor: pointer;
}

.wb-Section-toggle:hover {
  background: var(--jp-layout-color2);
}

.wb-Section-toggle .wb-Badge {
  margin-left: auto;
}

.wb-Section-arrow {
  width: 0;
  border: 4px solid transparent;
  border-left: 5px solid currentColor;
  border-right: none;
}

[data-open='true'] > h2 .wb-Section-arrow {
  transform: rotate(90deg);
}

.wb-Section-body {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-height: 0;
  overflow-y: auto;
}
`,""]),r.d(o,{},{A:n})},35(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-Changes {
  display: flex;
  flex-direction: column;
  gap: 12px;
  margin-bottom: 8px;
  list-style: none;
}

.wb-Changes .wb-Button {
  margin-top: 4px;
}

.wb-Words {
  color: var(--jp-ui-font-color0);
}

/* What a domain says in words begins in lower case, as in a sentence of the command line. */
.wb-Words::first-letter {
  text-transform: uppercase;
}

.wb-Population > .wb-Facts {
  margin: 8px 0;
}

.wb-Blocks {
  max-height: 260px;
  margin-bottom: 12px;
}

.wb-Merged {
  color: var(--wb-muted);
  list-style: none;
}

.wb-PopulationActions > .wb-Muted,
.wb-PopulationActions > [role='status']:not(:empty) {
  margin-top: 8px;
}

.wb-Form.wb-mod-inner {
  max-width: 520px;
  margin-top: 10px;
  padding: 10px 12px 12px;
  border: 1px solid var(--wb-line);
  border-radius: var(--wb-radius);
}

.wb-Form.wb-mod-grid {
  display: grid;
  gap: 10px 16px;
  grid-template-columns: repeat(auto-fill, minmax(240px, 1fr));
}

.wb-Commands {
  margin-top: 4px;
  list-style: none;
}

.wb-Commands code {
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}
`,""]),r.d(o,{},{A:n})},33(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-Requests {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-height: 0;
}

.wb-Requests-bar {
  padding: 4px 8px 6px;
}

.wb-List {
  max-height: 320px;
  overflow: auto;
  contain: content;
  min-height: 60px;
}

.wb-Requests > .wb-List {
  flex: 1;
  min-height: 96px;
  max-height: none;
}

.wb-List-item {
  position: absolute;
  top: 0;
  left: 0;
  width: 100%;
}

.wb-Request {
  display: flex;
  flex-direction: column;
  gap: 3px;
  padding: 7px 10px 8px 9px;
  border-left: 3px solid var(--jp-border-color2);
  border-bottom: 1px solid var(--jp-border-color3);
}

.wb-Request:hover {
  background: var(--jp-layout-color2);
}

.wb-Request[data-state='running'],
.wb-Request[data-state='approved'] {
  border-left-color: var(--jp-brand-color1);
}

.wb-Request[data-state='pending'] {
  border-left-color: var(--jp-warn-color1);
}

.wb-Request[data-state='released'] {
  border-left-color: var(--jp-success-color1);
}

.wb-Request[data-state='denied'],
.wb-Request[data-state='failed'] {
  border-left-color: var(--jp-error-color1);
}

.wb-Request-head,
.wb-Request-line {
  display: flex;
  align-items: baseline;
  justify-content: space-between;
  gap: 8px;
  min-height: 20px;
}

.wb-Request-line {
  align-items: center;
}

.wb-Request-head > .wb-Muted {
  flex: none;
}

.wb-Request-open {
  min-width: 0;
  padding: 0;
  overflow: hidden;
  border: none;
  background: none;
  color: var(--jp-content-link-color, var(--jp-brand-color1));
  font: inherit;
  font-weight: 600;
  text-align: left;
  text-overflow: ellipsis;
  white-space: nowrap;
  cursor: pointer;
}

.wb-Request-open:hover {
  text-decoration: underline;
}

.wb-Request-why,
.wb-Clamp {
  display: -webkit-box;
  overflow: hidden;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 3;
  line-clamp: 3;
}

.wb-Request-why {
  padding-left: 8px;
  border-left: 2px solid var(--jp-border-color1);
}

.wb-Foreign {
  overflow-wrap: anywhere;
}

.wb-State {
  display: inline-flex;
  align-items: center;
  gap: 6px;
}

.wb-State > svg {
  flex: none;
}

.wb-State[data-state='running'] > svg,
.wb-State[data-state='approved'] > svg {
  color: var(--jp-brand-color1);
}

.wb-State[data-state='pending'] > svg {
  color: var(--jp-warn-color1);
}

.wb-State[data-state='released'] > svg {
  color: var(--jp-success-color1);
}

.wb-State[data-state='denied'] > svg,
.wb-State[data-state='failed'] > svg {
  color: var(--jp-error-color1);
}

.wb-Progress {
  width: 100%;
  height: 6px;
  overflow: hidden;
  border: none;
  border-radius: 3px;
  appearance: none;
  background: var(--jp-layout-color3);
}

.wb-Progress::-webkit-progress-bar {
  background: var(--jp-layout-color3);
}

.wb-Progress::-webkit-progress-value {
  background: var(--jp-brand-color1);
}

.wb-Progress::-moz-progress-bar {
  background: var(--jp-brand-color1);
}

.wb-RequestPage {
  display: flex;
  flex-direction: column;
  gap: 14px;
  max-width: 1180px;
  margin: 0 auto;
}

.wb-RequestPage > .wb-Problem {
  margin: 0;
}

.wb-Cards > .wb-Problem {
  margin: 0 0 14px;
}

.wb-RequestPage-head {
  display: flex;
  flex-direction: column;
  gap: 4px;
}

.wb-RequestPage-head h1:focus {
  outline: none;
}

.wb-RequestPage-head .wb-State {
  font-weight: 600;
}

.wb-RequestPage-head .wb-Progress {
  max-width: 640px;
  height: 10px;
  border-radius: 5px;
}

.wb-Buttons {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 8px;
  margin-top: 6px;
}

.wb-Cards > * {
  margin-bottom: 14px;
  break-inside: avoid;
}

/* Cards differ much in height; columns leave no holes between them. */
@container (min-width: 820px) {
  .wb-Cards:not(.wb-mod-single) {
    columns: 2;
    column-gap: 14px;
  }
}

.wb-Cards.wb-mod-single {
  max-width: 900px;
}

.wb-Verdict {
  display: flex;
  align-items: center;
  gap: 8px;
  font-size: 15px;
}

.wb-Verdict[data-verified='true'] > svg {
  color: var(--jp-success-color1);
}

.wb-Verdict[data-verified='false'] > svg {
  color: var(--jp-error-color1);
}

.wb-Widget .wb-Checks {
  padding-left: 18px;
}
`,""]),r.d(o,{},{A:n})},34(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-Steward {
  display: flex;
  flex-direction: column;
  gap: 6px;
}

.wb-Holding {
  border-top: 1px solid var(--wb-line);
}

.wb-Holding-head {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 2px;
  padding: 4px 4px 4px 10px;
}

/* They stay together on a line of their own where the panel is narrow. */
.wb-Holding-links {
  display: flex;
  flex-wrap: wrap;
  gap: 2px;
}

.wb-Holding-head .wb-Button {
  border-color: var(--jp-border-color2);
}

.wb-Holding-head h3 {
  flex: 1 1 auto;
  font-size: var(--jp-ui-font-size1);
}

.wb-Construction {
  display: flex;
  gap: 8px;
  margin-bottom: 8px !important;
}

.wb-Construction > svg {
  flex: none;
  margin-top: 2px;
  color: var(--jp-success-color1);
}

.wb-Approvals {
  margin-bottom: 8px !important;
}

.wb-Cards textarea.wb-Input {
  resize: vertical;
}

.wb-Diff del {
  text-decoration: line-through;
}

.wb-Diff ins {
  font-weight: 600;
  text-decoration: none;
}

.wb-Diff td {
  max-width: 22ch;
  overflow-wrap: anywhere;
}

.wb-PolicyForm {
  display: flex;
  flex-direction: column;
  gap: 8px;
  margin: 8px 0;
}

.wb-PolicyForm fieldset {
  display: flex;
  flex-direction: column;
  gap: 4px;
  margin: 0;
  padding: 8px 10px;
  border: 1px solid var(--wb-line);
  border-radius: var(--wb-radius);
}

.wb-PolicyForm fieldset:disabled {
  color: var(--jp-ui-font-color2);
}

.wb-PolicyForm legend {
  padding: 0 4px;
  font-weight: 600;
}

.wb-PolicyForm label {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px;
}

.wb-Input.wb-mod-short {
  width: 9ch;
}

.wb-Form {
  display: flex;
  flex-direction: column;
  gap: 8px;
}

.wb-Form label {
  display: flex;
  flex-direction: column;
  gap: 2px;
  color: var(--wb-muted);
}

.wb-DryRun {
  margin-top: 8px;
}

.wb-DryRun .wb-Scroll {
  max-height: 360px;
  margin-top: 6px;
}

.wb-Table tr[data-revoked='true'] > :first-child {
  text-decoration: line-through;
}

.wb-Table tbody th {
  color: var(--jp-ui-font-color0);
  font-weight: 400;
}

.wb-Nowrap {
  white-space: nowrap;
}
`,""]),r.d(o,{},{A:n})},32(e,o,r){var a=r(26),t=r.n(a),i=r(27),n=(r.n(i))()(t());n.push([e.id,`.wb-Studies {
  list-style: none;
}

.wb-Study {
  display: flex;
  flex-direction: column;
  gap: 5px;
  padding: 8px 12px;
  border-top: 1px solid var(--jp-border-color3);
}

.wb-Study:first-child {
  border-top: none;
}

.wb-Study-line {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 8px;
}

.wb-Study-line strong {
  overflow: hidden;
  color: var(--jp-ui-font-color0);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.wb-Study-line span {
  font-size: var(--jp-ui-font-size0);
  white-space: nowrap;
}

.wb-RunForm {
  display: flex;
  flex-direction: column;
  gap: 10px;
  min-width: 340px;
}

.wb-RunForm label {
  display: block;
}
`,""]),r.d(o,{},{A:n})},27(e){e.exports=function(e){var o=[];return o.toString=function(){return this.map(function(o){var r="",a=void 0!==o[5];return o[4]&&(r+="@supports (".concat(o[4],") {")),o[2]&&(r+="@media ".concat(o[2]," {")),a&&(r+="@layer".concat(o[5].length>0?" ".concat(o[5]):""," {")),r+=e(o),a&&(r+="}"),o[2]&&(r+="}"),o[4]&&(r+="}"),r}).join("")},o.i=function(e,r,a,t,i){"string"==typeof e&&(e=[[null,e,void 0]]);var n={};if(a)for(var l=0;l<this.length;l++){var p=this[l][0];null!=p&&(n[p]=!0)}for(var d=0;d<e.length;d++){var s=[].concat(e[d]);a&&n[s[0]]||(void 0!==i&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=i),r&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=r),t&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=t):s[4]="".concat(t)),o.push(s))}},o}},26(e){e.exports=function(e){return e[1]}},19(e){var o=[];function r(e){for(var r=-1,a=0;a<o.length;a++)if(o[a].identifier===e){r=a;break}return r}function a(e,a){for(var t={},i=[],n=0;n<e.length;n++){var l=e[n],p=a.base?l[0]+a.base:l[0],d=t[p]||0,s="".concat(p," ").concat(d);t[p]=d+1;var c=r(s),b={css:l[1],media:l[2],sourceMap:l[3],supports:l[4],layer:l[5]};if(-1!==c)o[c].references++,o[c].updater(b);else{var w=function(e,o){var r=o.domAPI(o);return r.update(e),function(o){o?(o.css!==e.css||o.media!==e.media||o.sourceMap!==e.sourceMap||o.supports!==e.supports||o.layer!==e.layer)&&r.update(e=o):r.remove()}}(b,a);a.byIndex=n,o.splice(n,0,{identifier:s,updater:w,references:1})}i.push(s)}return i}e.exports=function(e,t){var i=a(e=e||[],t=t||{});return function(e){e=e||[];for(var n=0;n<i.length;n++){var l=r(i[n]);o[l].references--}for(var p=a(e,t),d=0;d<i.length;d++){var s=r(i[d]);0===o[s].references&&(o[s].updater(),o.splice(s,1))}i=p}}},21(e){var o={};e.exports=function(e,r){var a=function(e){if(void 0===o[e]){var r=document.querySelector(e);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(e){r=null}o[e]=r}return o[e]}(e);if(!a)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");a.appendChild(r)}},23(e){e.exports=function(e){var o=document.createElement("style");return e.setAttributes(o,e.attributes),e.insert(o,e.options),o}},22(e,o,r){e.exports=function(e){var o=r.nc;o&&e.setAttribute("nonce",o)}},20(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var o=e.insertStyleElement(e);return{update:function(r){var a,t,i;a="",r.supports&&(a+="@supports (".concat(r.supports,") {")),r.media&&(a+="@media ".concat(r.media," {")),(t=void 0!==r.layer)&&(a+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),a+=r.css,t&&(a+="}"),r.media&&(a+="}"),r.supports&&(a+="}"),(i=r.sourceMap)&&"u">typeof btoa&&(a+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(i))))," */")),e.styleTagTransform(a,o,e.options)},remove:function(){var e;null===(e=o).parentNode||e.parentNode.removeChild(e)}}}},24(e){e.exports=function(e,o){if(o.styleSheet)o.styleSheet.cssText=e;else{for(;o.firstChild;)o.removeChild(o.firstChild);o.appendChild(document.createTextNode(e))}}},18(e,o,r){var a=r(19),t=r.n(a),i=r(20),n=r.n(i),l=r(21),p=r.n(l),d=r(22),s=r.n(d),c=r(23),b=r.n(c),w=r(24),u=r.n(w),x=r(25),f={};f.styleTagTransform=u(),f.setAttributes=s(),f.insert=p().bind(null,"head"),f.domAPI=n(),f.insertStyleElement=b(),t()(x.A,f),x.A&&x.A.locals&&x.A.locals}}]);