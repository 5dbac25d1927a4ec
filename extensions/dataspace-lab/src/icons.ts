import { LabIcon } from '@jupyterlab/ui-components';

/** Three holders of data around one bench. */
export const dataSpaceIcon = new LabIcon({
  name: 'dataspace:icon',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <circle cx="12" cy="5" r="3"/><circle cx="5" cy="17.5" r="3"/><circle cx="19" cy="17.5" r="3"/>
    <path d="M10.3 8.6 7.4 13.7l1.3.75 2.9-5.1zM13.7 8.6l2.9 5.1-1.3.75-2.9-5.1zM9 16.75h6v1.5H9z"/>
  </g>
</svg>`
});
