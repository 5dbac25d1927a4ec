import type { IContext, ISection, PageArgs } from '../context';
import { dataSpaceIcon } from '../icons';
import { addCommands } from './commands';
import { RequestPage } from './page';
import { myRequests, RequestsSection } from './section';
import { isFinal } from './states';
import { shortDigest } from './words';

/** Add the commands and pages of the section. */
export function addRequestCommands(context: IContext): void {
  context.pages.add({
    kind: 'request',
    component: RequestPage,
    icon: dataSpaceIcon,
    label: requestLabel,
    caption: ({ trans }, args) => trans.__('Request %1 at %2', args.digest, args.domain)
  });
  addCommands(context);
}

/** The function's name if the request is known, else a short form of the digest. */
export function requestLabel({ store }: IContext, args: PageArgs): string {
  const known = store.state.requests?.find(one => one.digest === args.digest);
  return known?.function ?? shortDigest(args.digest);
}

/** The section of the side panel. */
export const requestsSection: ISection = {
  id: 'requests',
  title: context => context.trans.__('My requests'),
  badge: context => {
    const open = myRequests(context.store.state.requests).filter(one => !isFinal(one));
    return open.length ? String(open.length) : '';
  },
  // Who is a steward everywhere asks for nothing.
  wanted: ({ store }) =>
    myRequests(store.state.requests).length > 0 ||
    (store.state.session?.domains ?? []).some(domain => domain.role !== 'steward'),
  component: RequestsSection
};
