import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IPopulation, IPopulationStatus } from '../oversight';
import { Foreign } from '../requests/words';

/** The largest epsilon that a domain takes. */
export const LARGEST_EPSILON = 100;

/** Whom a total is promised to: each person, each record. */
export function Each(props: {
  trans: TranslationBundle;
  unit: string;
}): React.ReactElement {
  const { trans, unit } = props;
  const known: Record<string, string> = {
    person: trans.__('each person'),
    record: trans.__('each record')
  };
  return unit in known ? (
    <>{known[unit]}</>
  ) : (
    <>
      {trans.__('each')} <Foreign>{unit}</Foreign>
    </>
  );
}

/** A block's name in words; `alone` if the population has no other. */
export function blockName(
  trans: TranslationBundle,
  block: string,
  alone: boolean
): string {
  return block || (alone ? trans.__('everybody') : trans.__('blocks to come'));
}

/** The populations that can be merged into this one. */
export function mergeable(
  population: IPopulation,
  all: IPopulationStatus[]
): IPopulation[] {
  return all
    .map(status => status.population)
    .filter(
      one =>
        one.name !== population.name &&
        one.unit === population.unit &&
        !one.blocks &&
        !one.merged_into
    );
}
