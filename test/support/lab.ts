import type { Locator, Page } from 'playwright-core';
import type { TestGateway } from './gateway.js';

/** How long a kernel's start or a page of JupyterLab's may take on a small, busy machine, in milliseconds. */
export const PATIENCE = 120_000;

/** The notebook that a page of JupyterLab or Notebook 7 shows, used as a person uses it. */
export class LabNotebook {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get cells(): Locator {
    return this.#page.locator('.jp-Notebook:visible .jp-CodeCell');
  }

  /** Waits until the notebook is there and its kernel idle. */
  async ready(): Promise<void> {
    await this.cells.first().waitFor({ timeout: PATIENCE });
    // The indicator in the notebook's toolbar is idle before there is a kernel; this one isn't.
    await this.#page.getByText(/\| Idle$/).waitFor({ timeout: PATIENCE });
  }

  /** Pastes code into the notebook's last cell and runs it. @returns the cell, which may still be running */
  async start(code: string): Promise<Locator> {
    const cell = this.cells.nth((await this.cells.count()) - 1);
    await cell.locator('.cm-content').click();
    await this.#page.keyboard.insertText(code);
    await this.#page.keyboard.press('Shift+Enter');
    return cell;
  }

  /** The same. @returns the cell when it has ended */
  async run(code: string): Promise<Locator> {
    const cell = await this.start(code);
    await ended(cell);
    return cell;
  }
}

/** Waits until a cell has its number, which it gets when it has ended. */
export async function ended(cell: Locator): Promise<void> {
  await cell.locator('.jp-InputPrompt', { hasText: /^\[\d+\]:$/ }).waitFor({ timeout: PATIENCE });
}

/** The text of a cell's output. */
export async function outputOf(cell: Locator): Promise<string> {
  return (await cell.locator('.jp-OutputArea-output').allTextContents()).join('\n');
}

/**
 * The content of an `.ipynb` for a Python kernel.
 * @param sources one text a cell; what starts with `#` and a space is Markdown
 */
export function notebookOf(sources: readonly string[]): Record<string, unknown> {
  const cells = sources.map((source, index) =>
    source.startsWith('# ')
      ? { cell_type: 'markdown', id: `cell-${index}`, metadata: {}, source }
      : { cell_type: 'code', id: `cell-${index}`, execution_count: null, metadata: {}, outputs: [], source },
  );
  return {
    cells,
    metadata: { kernelspec: { name: 'python3', display_name: 'Python 3 (ipykernel)', language: 'python' } },
    nbformat: 4,
    nbformat_minor: 5,
  };
}

/** Puts a notebook where the gateway's Jupyter keeps them, through its API. */
export async function putNotebook(
  { origin, token }: Pick<TestGateway, 'origin' | 'token'>,
  name: string,
  content: Record<string, unknown>,
): Promise<void> {
  const { status } = await fetch(`${origin}/api/contents/${name}`, {
    method: 'PUT',
    headers: { authorization: `token ${token}` },
    body: JSON.stringify({ type: 'notebook', format: 'json', content }),
  });
  if (status !== 201) throw new Error(`${name} was not made: ${status}`);
}
