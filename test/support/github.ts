import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import type { Test } from 'tap';
import { type Answer, give, type RestServer, startRestServer } from '../processors/rest-server.js';

/**
 * What the mock from GitHub's description can't show: apps, rate limits, links from page to page.
 * Written from https://docs.github.com/en/rest/using-the-rest-api and …/apps/creating-github-apps/authenticating-with-a-github-app.
 */
export interface LimitedGithub {
  readonly server: RestServer;
  /** As GitHub gives it: PKCS#1. */
  readonly privateKey: string;
  /** Installation tokens that were issued, in order. */
  readonly issued: readonly string[];
  /** Makes the newest token invalid. */
  revoke(): void;
}

export async function startLimitedGithub(t: Test): Promise<LimitedGithub> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issued: string[] = [];
  let revoked = 0;
  let limited = 0;
  const json = 'application/json; charset=utf-8';
  const say = (status: number, message: string, headers: object = {}): Answer =>
    give(json, JSON.stringify({ message }), status, headers);
  const guarded: Answer = (response, asked) => {
    const valid = issued.length > revoked ? `Bearer ${issued.at(-1)}` : '';
    if (asked.headers.authorization === valid) give(json, '[{"id": 1}]')(response, asked);
    else say(401, 'Bad credentials')(response, asked);
  };
  const server = await startRestServer(t, {
    '/app/installations/7/access_tokens': async (response, asked) => {
      const token = (asked.headers.authorization ?? '').replace('Bearer ', '');
      // GitHub takes at most ten minutes.
      const proof = await jwtVerify(token, publicKey, {
        issuer: '42',
        algorithms: ['RS256'],
        maxTokenAge: 600,
      }).catch(() => undefined);
      if (proof === undefined || Number(proof.payload.exp) > Date.now() / 1000 + 600) {
        return say(401, 'A JSON web token could not be decoded')(response, asked);
      }
      issued.push(`ghs_installation-token-${issued.length + 1}`);
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      give(json, JSON.stringify({ token: issued.at(-1), expires_at }), 201)(response, asked);
    },
    '/installation/repositories': guarded,
    '/repos/o/r/issues': (response, asked) => {
      const page = Number(new URL(asked.url, server.origin).searchParams.get('page') ?? 1);
      const link =
        page < 3 ? { link: `<${server.origin}/repos/o/r/issues?page=${page + 1}>; rel="next"` } : {};
      give(
        json,
        JSON.stringify([{ number: page, user: { login: `u${page}` }, node_id: 'N' }]),
        200,
        link,
      )(response, asked);
    },
    '/used-up': say(403, 'API rate limit exceeded for user ID 1.', {
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 1_800),
    }),
    '/soon': (response, asked) => {
      limited += 1;
      const reset = String(Math.floor(Date.now() / 1000) + 1);
      const used = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
      if (limited === 1) say(403, 'API rate limit exceeded', used)(response, asked);
      else if (limited === 2)
        say(429, 'You have exceeded a secondary rate limit', { 'retry-after': '1' })(response, asked);
      else give(json, '{"done": true}')(response, asked);
    },
    '/secondary': say(403, 'You have exceeded a secondary rate limit.'),
    '/forbidden': say(403, 'Resource not accessible by integration'),
    '/graphql': (response, asked) => {
      const { query, variables = {} } = JSON.parse(asked.body);
      if (query.includes('limited')) {
        return give(
          json,
          '{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}',
          200,
          {
            'x-ratelimit-remaining': '0',
            'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 1_800),
          },
        )(response, asked);
      }
      const at = Number(variables.endCursor ?? 0);
      const issues = {
        nodes: [{ title: `${variables.owner} ${at}` }],
        pageInfo: { hasNextPage: at < 2, endCursor: String(at + 1) },
      };
      give(json, JSON.stringify({ data: { repository: { issues } } }))(response, asked);
    },
  });
  return {
    server,
    privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    issued,
    revoke: () => {
      revoked = issued.length;
    },
  };
}
