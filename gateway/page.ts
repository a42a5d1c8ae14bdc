import { createHash } from 'node:crypto';

/**
 * The gateway's own pages: no script, no file beside the page (a refusal must look right where nothing else
 * is served), colours with at least 4.5:1 contrast (WCAG 2.2, 1.4.3) in both schemes.
 */
const STYLE = `
:root { color-scheme: light dark; --ground: #eef1f6; --card: #fff; --line: #d5dbe6; --text: #172033;
  --quiet: #55617a; --accent: #1f5fd0; --accent-text: #fff; --field: #fff; --field-line: #76819a;
  --bad: #a4161a; --bad-ground: #fdeeee; --bad-line: #e5a3a5; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f141d; --card: #181f2b; --line: #2b3546;
  --text: #e8ecf4; --quiet: #a3aec3; --accent: #7fb0ff; --accent-text: #0b1730; --field: #10161f;
  --field-line: #7c879d; --bad: #ffb3b0; --bad-ground: #351b1e; --bad-line: #7c3a3d; } }
* { box-sizing: border-box; }
html { height: 100%; }
body { margin: 0; min-height: 100%; display: flex; flex-direction: column; align-items: center;
  justify-content: center; padding: 1.5rem; background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; box-shadow: 0 1px 2px rgb(16 24 40 / .06), 0 12px 32px rgb(16 24 40 / .09); }
.brand { display: flex; align-items: center; gap: .6rem; margin: 0 0 1.5rem; font-weight: 600;
  letter-spacing: .01em; color: var(--quiet); }
.brand svg { width: 1.75rem; height: 1.75rem; color: var(--accent); flex: none; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }
p { margin: 0 0 1rem; }
main > :last-child, form > :last-child { margin-bottom: 0; }
.quiet { color: var(--quiet); font-size: .9375rem; }
.alert { padding: .75rem .9rem; border: 1px solid var(--bad-line); border-radius: 9px;
  background: var(--bad-ground); color: var(--bad); }
label { display: block; margin: 0 0 .35rem; font-weight: 600; }
input { width: 100%; margin: 0 0 .5rem; padding: .65rem .75rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--field-line); border-radius: 9px; }
button, .button { display: block; width: 100%; margin: 1.25rem 0 0; padding: .7rem 1rem; font: inherit;
  font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; color: var(--accent-text);
  background: var(--accent); border: 1px solid transparent; border-radius: 9px; }
button:hover, .button:hover { filter: brightness(1.08); }
a { color: var(--accent); }
.back { margin-top: 1.25rem; text-align: center; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
input:focus-visible { outline-offset: -1px; border-color: transparent; }
code { padding: .1em .35em; font: .9em ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  background: var(--ground); border-radius: 5px; overflow-wrap: anywhere; }
.busy { height: 4px; margin: 1.25rem 0; overflow: hidden; background: var(--line); border-radius: 2px; }
.busy::after { content: ""; display: block; width: 35%; height: 100%; background: var(--accent);
  border-radius: 2px; animation: busy 1.6s ease-in-out infinite; }
@keyframes busy { from { transform: translateX(-100%); } to { transform: translateX(286%); } }
@media (prefers-reduced-motion: reduce) { .busy::after { width: 100%; animation: none; opacity: .5; } }
`;

const logo = (attributes: string) =>
  `<svg viewBox="0 0 32 32" fill="none" stroke-width="3" stroke-linecap="round" ${attributes}>` +
  '<path d="M27 16a11 11 0 1 1-5.5-9.5"/><path d="M16 10.5a5.5 5.5 0 1 0 5.5 5.5"/></svg>';
const LOGO = logo('stroke="currentColor" aria-hidden="true"');
/** In the page, because a browser without one asks for /favicon.ico, which no client gets before it logs in. */
const ICON = `data:image/svg+xml,${encodeURIComponent(logo('stroke="#4f86e0" xmlns="http://www.w3.org/2000/svg"'))}`;

/** Text that was made safe to stand in HTML, as element content or in a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export interface Page {
  /** Plain text. */
  readonly title: string;
  /** HTML below the name of the product. */
  readonly body: string;
  /** Seconds after which the browser loads the page again, without a script. */
  readonly refresh?: number;
}

/** One whole HTML page. */
export function renderPage({ title, body, refresh }: Page): string {
  const again = refresh === undefined ? '' : `\n<meta http-equiv="refresh" content="${refresh}">`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">${again}
<link rel="icon" href="${ICON}">
<title>${escapeHtml(title)} · SPIN Runtime</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="brand">${LOGO}<span>SPIN Runtime</span></p>
${body}
</main>
</body>
</html>
`;
}

/**
 * Headers of every page above. The style is allowed by its hash, everything else is forbidden, and no other
 * site may frame it.
 *
 * @param referrer `same-origin` where a form is: with `no-referrer` its POST would carry `Origin: null`
 */
export function pageHeaders(referrer: 'no-referrer' | 'same-origin'): Readonly<Record<string, string>> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'referrer-policy': referrer,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
