import { STATUS_CODES } from 'node:http';

/** `HTTP 404 Not Found` */
export function statusLine(status: number): string {
  return `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim();
}
