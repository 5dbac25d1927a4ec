import { InputDialog } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from '../commands';
import type { IContext } from '../context';
import type { IRequest } from '../model';
import { tell } from '../ui/dialogs';
import {
  cancelRequest,
  downloadEvidence,
  insertCode,
  openRequest,
  whyNoNotebook
} from './actions';
import { myRequests } from './section';
import { stateWords } from './states';
import { shortDigest } from './words';

/** Name one of `requests`: by the command's arguments, or by asking. */
export async function pickRequest(
  context: IContext,
  title: string,
  args: ReadonlyPartialJSONObject,
  requests: IRequest[]
): Promise<IRequest | undefined> {
  const named = requests.find(
    one => one.digest === args.digest && one.domain === args.domain
  );
  if (named || args.digest !== undefined) {
    return named;
  }
  if (requests.length === 1) {
    return requests[0];
  }
  const labels = requests.map(
    one =>
      `${one.function} · ${one.path} · ${stateWords(context.trans, one)} · ${shortDigest(one.digest)}`
  );
  const answer = await InputDialog.getItem({ title, items: labels });
  return answer.button.accept ? requests[labels.indexOf(answer.value ?? '')] : undefined;
}

/** What can be done in the section and on a request's page, as commands. */
export function addCommands(context: IContext): void {
  const { trans, store } = context;
  const all = (): IRequest[] => store.state.requests ?? [];
  const add = (
    id: string,
    label: string,
    which: () => IRequest[],
    execute: (request: IRequest) => unknown,
    more: () => boolean = () => true
  ): void =>
    context.addCommand(id, {
      label,
      describedBy: { args: null },
      isEnabled: () => which().length > 0 && more(),
      execute: async args => {
        const request = await pickRequest(context, label, args, which());
        return request && execute(request);
      }
    });

  context.addCommand(CommandIDs.openRequest, {
    label: trans.__('Open a request…'),
    describedBy: { args: null },
    execute: async args => {
      const { domain, digest } = args;
      // A notification names a request that may not be in the list yet.
      const request =
        typeof domain === 'string' && typeof digest === 'string'
          ? { domain, digest }
          : await pickRequest(context, trans.__('Open a request'), {}, all());
      return request && openRequest(context, request);
    }
  });
  add(
    CommandIDs.cancelRequest,
    trans.__('Cancel a request…'),
    () => myRequests(all()).filter(one => one.can_cancel),
    request => cancelRequest(context, request)
  );
  const released = (): IRequest[] => all().filter(one => one.state === 'released');
  add(
    CommandIDs.downloadEvidence,
    trans.__('Download the evidence of a request…'),
    released,
    request => downloadEvidence(context, request)
  );
  add(
    CommandIDs.insertLoadCode,
    trans.__('Insert code to load a released model…'),
    () => myRequests(released()),
    async request => {
      try {
        const { result } = await context.api.request(request.domain, request.digest);
        await insertCode(context, result?.load_code ?? '');
      } catch (thrown) {
        await tell(trans.__('There is nothing to load'), thrown);
      }
    },
    () => whyNoNotebook(context) === ''
  );
}
