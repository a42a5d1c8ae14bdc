import t from 'tap';
import { startTestGateway } from './support/gateway.js';
import { closed, open, startSocketServer } from './support/sockets.js';

t.test(
  'a gateway that ends closes every websocket with a reason, on both legs, and waits for none',
  async (t) => {
    const jupyter = await startSocketServer();
    t.teardown(() => jupyter.close());
    const upstream = {
      kind: 'http',
      url: new URL(jupyter.upstream.origin),
      token: undefined,
      ca: undefined,
    } as const;
    const gateway = await startTestGateway({ upstream });
    const url = (path: string) => `${gateway.origin}${path}?token=${gateway.token}`;
    const ends = [];
    for (const path of ['/api/kernels/1/channels', '/terminals/websocket/1']) {
      const accepted = jupyter.accepted();
      ends.push(closed(await open(url(path))), closed(await accepted));
    }
    await gateway.close();
    const goodbye = [1001, 'The gateway is ending.'];
    t.same(await Promise.all(ends), [goodbye, goodbye, goodbye, goodbye]);
  },
);
