import type * as React from 'react';

import type { IContext } from '../context';
import type { IPopulation } from '../oversight';

/** What each form of a population gets. */
export interface IFormProps {
  context: IContext;
  domain: string;
  population: IPopulation;
  /** Called when it is done, with what came of it. */
  onDone: (said: React.ReactNode) => void;
  onClose: () => void;
}
