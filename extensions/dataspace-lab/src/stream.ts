/** Server-sent events, read from a fetch body so that the request can carry headers. */

export interface IServerEvent {
  event: string;
  data: unknown;
}

/** No single event may be larger: 10,000 requests would not reach this. */
const LIMIT = 32 * 1024 * 1024;

/** Call `onEvent` for each event of `body` until it ends. */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  onEvent: (event: IServerEvent) => void
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      rest += decoder.decode(value, { stream: true });
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? '';
      if (rest.length > LIMIT) {
        throw new Error('An event of the server is too large.');
      }
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event !== null) {
          onEvent(event);
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** One block of lines as an event; null for comments. */
export function parseEvent(block: string): IServerEvent | null {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(':');
    if (at <= 0) {
      continue;
    }
    const value = line.slice(at + 1).replace(/^ /, '');
    if (line.slice(0, at) === 'event') {
      event = value;
    } else if (line.slice(0, at) === 'data') {
      data.push(value);
    }
  }
  return data.length === 0 ? null : { event, data: JSON.parse(data.join('\n')) };
}
