import type { IContext, ISection } from '../context';
import { dataSpaceIcon } from '../icons';
import { PopulationsPage } from '../populations';
import { requestLabel } from '../requests';
import { addCommands } from './commands';
import { stewardDomains, waiting } from './domains';
import { HoldingPage } from './holding';
import { LogPage } from './log';
import { ReviewPage } from './page';
import { PeoplePage } from './people';
import { StewardSection } from './section';

/** Add the commands and pages of the section. */
export function addStewardCommands(context: IContext): void {
  const { pages } = context;
  const icon = dataSpaceIcon;
  pages.add({
    kind: 'review',
    icon,
    component: ReviewPage,
    label: (ctx, args) => ctx.trans.__('Review: %1', requestLabel(ctx, args))
  });
  pages.add({
    kind: 'holding',
    icon,
    component: HoldingPage,
    label: ({ trans }, { name }) => trans.__('Budget: %1', name)
  });
  pages.add({
    kind: 'people',
    icon,
    component: PeoplePage,
    label: ({ trans }, { domain }) => trans.__('People: %1', domain)
  });
  pages.add({
    kind: 'populations',
    icon,
    component: PopulationsPage,
    label: ({ trans }, { domain }) => trans.__('Populations: %1', domain)
  });
  pages.add({
    kind: 'log',
    icon,
    component: LogPage,
    label: ({ trans }, { domain }) => trans.__('Log: %1', domain)
  });
  addCommands(context);
}

/** The section of the side panel; the domains enforce the role, this only hides what is of no use. */
export const stewardSection: ISection = {
  id: 'steward',
  title: context => context.trans.__('Steward'),
  badge: ({ store }) => String(waiting(store.state).length || ''),
  wanted: ({ store }) => stewardDomains(store.state).length > 0,
  component: StewardSection
};
