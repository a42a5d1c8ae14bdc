import type { ServerResponse } from 'node:http';
import type { Answer } from './edge/gate.js';

/** What the gate answers without any other part. */
export type PlainAnswer = Extract<Answer, { readonly kind: 'proof' | 'preflight' | 'redirect' }>;

export function sendAnswer(res: ServerResponse, answer: PlainAnswer): void {
  switch (answer.kind) {
    case 'proof':
      res.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
      res.end(answer.proof);
      return;
    case 'preflight':
      res.writeHead(204).end();
      return;
    case 'redirect':
      sendRedirect(res, answer.location);
  }
}

/**
 * Sends a browser elsewhere on this site. Without a referrer: the URL it comes from may hold a token.
 *
 * @param location a path, or a URL of this site
 */
export function sendRedirect(res: ServerResponse, location: string): void {
  res.setHeader('location', location);
  res.setHeader('cache-control', 'no-store');
  res.setHeader('referrer-policy', 'no-referrer');
  res.setHeader('content-length', 0);
  res.statusCode = 302;
  res.end();
}
