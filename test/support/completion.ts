import type { Kernel } from '@jupyterlab/services';

/** What a notebook offers at the cursor, which is where the code has `│`, else at its end. */
export async function complete(kernel: Kernel.IKernelConnection, marked: string) {
  const { content } = await kernel.requestComplete(cursorIn(marked));
  if (content.status !== 'ok') throw new Error(`the kernel answered ${content.status}`);
  return { matches: content.matches, from: content.cursor_start, to: content.cursor_end };
}

/** What Shift-Tab shows there. */
export async function inspect(kernel: Kernel.IKernelConnection, marked: string): Promise<string> {
  const { content } = await kernel.requestInspect({ ...cursorIn(marked), detail_level: 0 });
  if (content.status !== 'ok') throw new Error(`the kernel answered ${content.status}`);
  return content.found ? String(content.data['text/plain']) : '';
}

function cursorIn(marked: string) {
  const [before = '', after = ''] = marked.split('│');
  return { code: before + after, cursor_pos: [...before].length };
}
