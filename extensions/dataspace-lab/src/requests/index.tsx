import type { JupyterFrontEnd } from '@jupyterlab/application';
import * as React from 'react';

import type { IContext, ISection } from '../context';

/** Add the commands and pages of the section. */
export function addRequestCommands(_app: JupyterFrontEnd, _context: IContext): void {}

/** The section of the side panel. */
export const requestsSection: ISection = {
  id: 'requests',
  title: context => context.trans.__('My requests'),
  component: () => <p />
};
