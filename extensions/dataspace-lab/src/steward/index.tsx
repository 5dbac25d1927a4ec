import type { JupyterFrontEnd } from '@jupyterlab/application';
import * as React from 'react';

import type { IContext, ISection } from '../context';

/** Add the commands and pages of the section. */
export function addStewardCommands(_app: JupyterFrontEnd, _context: IContext): void {}

/** The section of the side panel. */
export const stewardSection: ISection = {
  id: 'steward',
  title: context => context.trans.__('My steward'),
  wanted: context =>
    !!context.store.state.session?.domains.some(domain => domain.role === 'steward'),
  component: () => <p />
};
