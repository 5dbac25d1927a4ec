import { InputDialog } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from '../commands';
import type { IContext } from '../context';
import type { IRequest } from '../model';
import { pickRequest } from '../requests/commands';
import { tell } from '../ui/dialogs';
import { whyNotApprove } from './decision';
import { datasetsOf, stewardDomains, waiting } from './domains';
import { revoke } from './people';

/** One of `items`: the only one, or what the person chooses. */
async function pick(title: string, items: string[]): Promise<string | undefined> {
  if (items.length === 1) {
    return items[0];
  }
  const answer = await InputDialog.getItem({ title, items });
  return answer.button.accept ? (answer.value ?? undefined) : undefined;
}

/** All that a steward does in the section and on its pages, as commands. */
export function addCommands(context: IContext): void {
  const { trans, store, pages } = context;
  const domains = (): string[] => stewardDomains(store.state);
  const queue = (): IRequest[] => waiting(store.state);
  const mine = (): IRequest[] =>
    queue().filter(request => whyNotApprove(context, request) === '');

  const onRequest = (
    id: string,
    label: string,
    which: () => IRequest[],
    execute: (request: IRequest) => unknown
  ): void =>
    context.addCommand(id, {
      label,
      describedBy: { args: null },
      isVisible: () => domains().length > 0,
      isEnabled: () => which().length > 0,
      execute: async args => {
        const request = await pickRequest(context, label, args, which());
        return request && execute(request);
      }
    });

  const onDomain = (
    id: string,
    label: string,
    execute: (domain: string, args: ReadonlyPartialJSONObject) => unknown
  ): void =>
    context.addCommand(id, {
      label,
      describedBy: { args: null },
      isVisible: () => domains().length > 0,
      isEnabled: () => domains().length > 0,
      execute: async args => {
        const named = typeof args.domain === 'string' ? args.domain : undefined;
        const domain = named ?? (await pick(label, domains()));
        return domain && execute(domain, args);
      }
    });

  const decide = async (
    request: IRequest,
    verdict: 'approve' | 'deny',
    reason: string
  ): Promise<void> => {
    try {
      store.putRequest(
        await context.api.decide(request.domain, request.digest, verdict, reason)
      );
    } catch (thrown) {
      await tell(trans.__('The decision was not taken'), thrown);
    }
  };

  onRequest(
    CommandIDs.reviewRequest,
    trans.__('Review a waiting request…'),
    queue,
    ({ domain, digest }) => pages.open('review', { domain, digest })
  );
  onRequest(
    CommandIDs.approveRequest,
    trans.__('Approve a waiting request…'),
    mine,
    async request => {
      const answer = await InputDialog.getText({
        title: trans.__('Approve %1 by %2?', request.function, request.researcher),
        label: trans.__('Reason (may be empty)'),
        okLabel: trans.__('Approve')
      });
      if (answer.button.accept) {
        await decide(request, 'approve', answer.value?.trim() ?? '');
      }
    }
  );
  onRequest(
    CommandIDs.denyRequest,
    trans.__('Deny a waiting request…'),
    queue,
    async request => {
      const answer = await InputDialog.getText({
        title: trans.__('Deny %1 by %2?', request.function, request.researcher),
        label: trans.__('Reason: the researcher will read it'),
        okLabel: trans.__('Deny'),
        required: true
      });
      if (answer.button.accept && answer.value?.trim()) {
        await decide(request, 'deny', answer.value.trim());
      }
    }
  );
  onDomain(
    CommandIDs.openHolding,
    trans.__('Budget and policy of a dataset…'),
    async (domain, args) => {
      const names = datasetsOf(store.state, domain).map(entry => entry.name);
      const named = typeof args.name === 'string' ? args.name : undefined;
      const name = named ?? (await pick(trans.__('Which dataset'), names));
      return name && pages.open('holding', { domain, name });
    }
  );
  onDomain(CommandIDs.openPeople, trans.__('People: admit and revoke…'), domain =>
    pages.open('people', { domain })
  );
  onDomain(
    CommandIDs.revokePerson,
    trans.__("Revoke somebody's admission…"),
    async domain => {
      try {
        const me = store.state.session?.key_id;
        const people = (await context.api.people(domain)).filter(
          one => one.revoked === null && one.key_id !== me
        );
        const labels = people.map(one => `${one.name} · ${one.key_id.slice(0, 12)}`);
        const chosen = await pick(trans.__('Whose admission'), labels);
        const person = people[labels.indexOf(chosen ?? '')];
        return person && revoke(context, domain, person);
      } catch (thrown) {
        await tell(trans.__('The list of people is not to be had'), thrown);
      }
    }
  );
  onDomain(
    CommandIDs.openPopulations,
    trans.__('Populations: whose budget is spent…'),
    domain => pages.open('populations', { domain })
  );
  onDomain(CommandIDs.openLog, trans.__('Audit log of a domain…'), domain =>
    pages.open('log', { domain })
  );
}
