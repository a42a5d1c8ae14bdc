import { goPeer } from './go-peer.js';

/** Loki 2.2.1, the last one under Apache-2.0: its tag is no semantic version of its module, so that it goes by its commit. */
const VERSION = 'v1.6.2-0.20210406003638-babea82ef558';

/** @returns the path of Loki, built at its first use */
export function lokiProgram(): Promise<string> {
  return goPeer('github.com/grafana/loki/cmd/loki', VERSION, {
    renewed: {
      module: 'github.com/grafana/loki',
      // The ones that it asks for don't compile with a Go of today.
      requirements: ['github.com/modern-go/reflect2@v1.0.2', 'github.com/json-iterator/go@v1.1.12'],
    },
  });
}
