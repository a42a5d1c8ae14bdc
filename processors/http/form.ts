import { percentEncoded, type Template, textOf, type Values } from './template.js';

/**
 * Fields over several lines as editors write them: white space around `&` and behind names is layout, white space within
 * a value is a part of it.
 * Sources: https://www.jetbrains.com/help/idea/exploring-http-syntax.html, https://httpyac.github.io/guide/request.html
 */
export function renderForm(template: Template, values: Values): string {
  const result: string[] = [];
  let space = '';
  let hasName = false;
  let begins = true;
  const put = (text: string) => {
    result.push(encodedSpace(space), text);
    space = '';
    begins = false;
  };
  for (const piece of template) {
    if (typeof piece !== 'string') {
      put(percentEncoded(textOf(piece, values), '').replaceAll('%20', '+'));
      continue;
    }
    for (const token of piece.split(/(\s+|[&=])/)) {
      if (token === '') continue;
      const isSeparator = token === '&' || (token === '=' && !hasName);
      if (isSeparator) {
        result.push(token);
        space = '';
        hasName = token === '=';
        begins = true;
      } else if (token.trim() !== '') put(token);
      else if (!begins) space += token;
    }
  }
  return result.join('');
}

function encodedSpace(space: string): string {
  if (space === '') return space;
  return space.replaceAll(' ', '+').replaceAll('\t', '%09').replaceAll('\r', '').replaceAll('\n', '%0A');
}
