import { ownCommand } from '../own-command.js';
import { escapeHtml, renderPage } from '../page.js';

/** What the login page says beside its form. */
export interface LoginPage {
  /** Where to go after logging in: a path that was made safe. */
  readonly next: string;
  /** Why the last try failed, as a sentence. */
  readonly problem?: string;
}

/** The login page: one field, one button, no script. */
export function renderLogin({ next, problem }: LoginPage): string {
  const failed = problem !== undefined;
  const alert = failed ? `<p class="alert" id="problem" role="alert">${escapeHtml(problem)}</p>\n` : '';
  const described = failed
    ? 'aria-describedby="problem hint" aria-invalid="true"'
    : 'aria-describedby="hint"';
  return renderPage({
    title: failed ? 'Login failed' : 'Log in',
    body: `<h1>Log in</h1>
${alert}<form method="post" action="/spin/login">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<input type="text" name="username" value="owner" autocomplete="username" hidden>
<label for="token">Access token</label>
<input type="password" id="token" name="token" required autofocus autocomplete="current-password"
 autocapitalize="none" spellcheck="false" ${described}>
<p class="quiet" id="hint">The value of <code>SPIN_TOKEN</code>. If you set none, read it from
<code>$SPIN_HOME/var/token</code>. For a link that logs you in, run
<code>${ownCommand()} login-url</code> where the runtime runs.</p>
<button type="submit">Log in</button>
</form>`,
  });
}

/** The form of Jupyter's own login, for programs. @param xsrf what its field `_xsrf` holds */
export function renderProgramLogin(xsrf: string): string {
  return renderPage({
    title: 'Log in',
    body: `<h1>Log in</h1>
<form method="post" action="login">
<input type="hidden" name="_xsrf" value="${escapeHtml(xsrf)}">
<label for="password">Access token</label>
<input type="password" id="password" name="password" required autocomplete="current-password">
<button type="submit">Log in</button>
</form>`,
  });
}

/** Asks whether a code is to be spent, where the request may have been a preview and not a person. */
export function renderCodeConfirmation(code: string, next: string): string {
  return renderPage({
    title: 'Log in',
    body: `<h1>Log in</h1>
<p>This link logs in one browser, once.</p>
<form method="post" action="/spin/login">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<input type="hidden" name="code" value="${escapeHtml(code)}">
<button type="submit">Log in</button>
</form>`,
  });
}

export function renderLogout(): string {
  return renderPage({
    title: 'Log out',
    body: `<h1>Log out?</h1>
<p>This ends your session in every tab of this browser. Notebooks and kernels keep running.</p>
<form method="post" action="/spin/logout">
<button type="submit">Log out</button>
</form>
<p class="back"><a href="/">Back to Jupyter</a></p>`,
  });
}
