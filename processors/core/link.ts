import type { Json } from './value.js';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * A link beside a result, for {@link End.displays}: as HTML, and as text where there is none.
 * @param address that the gateway itself has made, never one that a service gave
 */
export function linkOf(address: string, label: string): Readonly<Record<string, Json>> {
  const safe = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
  return {
    'text/html': `<a href="${safe(address)}" target="_blank" rel="noopener noreferrer">${safe(label)}</a>`,
    'text/plain': `${label}: ${address}`,
  };
}
