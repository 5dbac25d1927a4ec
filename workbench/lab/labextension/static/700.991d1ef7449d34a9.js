"use strict";(self.rspackChunk_workbench_dataspace_lab=self.rspackChunk_workbench_dataspace_lab||[]).push([[700],{856(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,`/* Parts that every section and page uses. Colours come from JupyterLab's themes alone. */

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
  color: var(--jp-ui-inverse-font-color0);
  font-weight: 600;
}

.wb-Button.wb-mod-primary:hover:not([aria-disabled='true']) {
  background: var(--jp-accept-color-hover, var(--jp-brand-color0));
}

.wb-Button.wb-mod-danger {
  border-color: transparent;
  background: var(--jp-reject-color-normal, var(--jp-error-color1));
  color: var(--jp-ui-inverse-font-color0);
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
  padding: 0 7px;
  border-radius: 9px;
  background: var(--jp-layout-color3);
  color: var(--jp-ui-font-color0);
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
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
`,""]),e.d(r,{},{A:i})},891(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,`.wb-Catalog {
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
  flex-basis: 100%;
  padding-left: 17px;
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
`,""]),e.d(r,{},{A:i})},547(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,"",""]),e.d(r,{},{A:i})},606(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,`.wb-Dataset {
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

.wb-Arrays figure,
.wb-Plot {
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

.wb-Plot figcaption {
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

.wb-Plot rect:hover {
  fill: var(--jp-brand-color0);
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
`,""]),e.d(r,{},{A:i})},646(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=e.n(n),l=e(856),p=e(724),d=e(891),s=e(606),c=e(293),b=e(318),u=e(878),w=e(547),f=i()(a());f.i(l.A),f.i(p.A),f.i(d.A),f.i(s.A),f.i(c.A),f.i(b.A),f.i(u.A),f.i(w.A),f.push([o.id,`
`,""]),e.d(r,{},{A:f})},724(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,`.wb-Panel {
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
`,""]),e.d(r,{},{A:i})},318(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,"",""]),e.d(r,{},{A:i})},878(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,"",""]),e.d(r,{},{A:i})},293(o,r,e){var t=e(601),a=e.n(t),n=e(314),i=(e.n(n))()(a());i.push([o.id,`.wb-Studies {
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
`,""]),e.d(r,{},{A:i})},314(o){o.exports=function(o){var r=[];return r.toString=function(){return this.map(function(r){var e="",t=void 0!==r[5];return r[4]&&(e+="@supports (".concat(r[4],") {")),r[2]&&(e+="@media ".concat(r[2]," {")),t&&(e+="@layer".concat(r[5].length>0?" ".concat(r[5]):""," {")),e+=o(r),t&&(e+="}"),r[2]&&(e+="}"),r[4]&&(e+="}"),e}).join("")},r.i=function(o,e,t,a,n){"string"==typeof o&&(o=[[null,o,void 0]]);var i={};if(t)for(var l=0;l<this.length;l++){var p=this[l][0];null!=p&&(i[p]=!0)}for(var d=0;d<o.length;d++){var s=[].concat(o[d]);t&&i[s[0]]||(void 0!==n&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=n),e&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=e),a&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=a):s[4]="".concat(a)),r.push(s))}},r}},601(o){o.exports=function(o){return o[1]}},72(o){var r=[];function e(o){for(var e=-1,t=0;t<r.length;t++)if(r[t].identifier===o){e=t;break}return e}function t(o,t){for(var a={},n=[],i=0;i<o.length;i++){var l=o[i],p=t.base?l[0]+t.base:l[0],d=a[p]||0,s="".concat(p," ").concat(d);a[p]=d+1;var c=e(s),b={css:l[1],media:l[2],sourceMap:l[3],supports:l[4],layer:l[5]};if(-1!==c)r[c].references++,r[c].updater(b);else{var u=function(o,r){var e=r.domAPI(r);return e.update(o),function(r){r?(r.css!==o.css||r.media!==o.media||r.sourceMap!==o.sourceMap||r.supports!==o.supports||r.layer!==o.layer)&&e.update(o=r):e.remove()}}(b,t);t.byIndex=i,r.splice(i,0,{identifier:s,updater:u,references:1})}n.push(s)}return n}o.exports=function(o,a){var n=t(o=o||[],a=a||{});return function(o){o=o||[];for(var i=0;i<n.length;i++){var l=e(n[i]);r[l].references--}for(var p=t(o,a),d=0;d<n.length;d++){var s=e(n[d]);0===r[s].references&&(r[s].updater(),r.splice(s,1))}n=p}}},659(o){var r={};o.exports=function(o,e){var t=function(o){if(void 0===r[o]){var e=document.querySelector(o);if(window.HTMLIFrameElement&&e instanceof window.HTMLIFrameElement)try{e=e.contentDocument.head}catch(o){e=null}r[o]=e}return r[o]}(o);if(!t)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");t.appendChild(e)}},540(o){o.exports=function(o){var r=document.createElement("style");return o.setAttributes(r,o.attributes),o.insert(r,o.options),r}},56(o,r,e){o.exports=function(o){var r=e.nc;r&&o.setAttribute("nonce",r)}},825(o){o.exports=function(o){if("u"<typeof document)return{update:function(){},remove:function(){}};var r=o.insertStyleElement(o);return{update:function(e){var t,a,n;t="",e.supports&&(t+="@supports (".concat(e.supports,") {")),e.media&&(t+="@media ".concat(e.media," {")),(a=void 0!==e.layer)&&(t+="@layer".concat(e.layer.length>0?" ".concat(e.layer):""," {")),t+=e.css,a&&(t+="}"),e.media&&(t+="}"),e.supports&&(t+="}"),(n=e.sourceMap)&&"u">typeof btoa&&(t+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(n))))," */")),o.styleTagTransform(t,r,o.options)},remove:function(){var o;null===(o=r).parentNode||o.parentNode.removeChild(o)}}}},113(o){o.exports=function(o,r){if(r.styleSheet)r.styleSheet.cssText=o;else{for(;r.firstChild;)r.removeChild(r.firstChild);r.appendChild(document.createTextNode(o))}}},959(o,r,e){var t=e(72),a=e.n(t),n=e(825),i=e.n(n),l=e(659),p=e.n(l),d=e(56),s=e.n(d),c=e(540),b=e.n(c),u=e(113),w=e.n(u),f=e(646),x={};x.styleTagTransform=w(),x.setAttributes=s(),x.insert=p().bind(null,"head"),x.domAPI=i(),x.insertStyleElement=b(),a()(f.A,x),f.A&&f.A.locals&&f.A.locals}}]);