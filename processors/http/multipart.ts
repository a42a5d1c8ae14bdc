import { CellError } from '../core/processor.js';
import { bytesOf } from './bytes.js';
import { percentEncoded, type Template, textOf, type Values } from './template.js';

const BOUNDARY = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]*))/i;

/** Source: RFC 2046 section 5.1.1: up to 70 of these, the last no space. */
const BOUNDARY_CHARACTERS = /^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/;

/** @returns of a Content-Type */
export function boundaryOf(contentType: string): string | undefined {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? [];
  return quoted ?? plain;
}

/**
 * A body in parts as a cell has it, with the line ends that RFC 2046 section 5.1.1 wants: CRLF around delimiters and in
 * the headers of parts; what is in a part stays as it was typed.
 *
 * @param lines of the cell, from the body's first on
 * @param number of the first line in the cell
 * @throws {CellError} for a body that doesn't have this form
 */
export function multipartText(lines: readonly string[], boundary: string, number: number): string {
  if (!BOUNDARY_CHARACTERS.test(boundary))
    throw new CellError('The boundary of this body is not valid (RFC 2046).');
  const delimiter = `--${boundary}`;
  const result: string[] = [];
  let place: 'before' | 'headers' | 'content' = 'before';
  let content: string[] = [];
  for (const [at, line] of lines.entries()) {
    const bare = line.trimEnd();
    const ends = bare === `${delimiter}--`;
    if (place !== 'headers' && (ends || bare === delimiter)) {
      if (place === 'content') result.push(content.join('\n'), '\r\n');
      result.push(bare, '\r\n');
      if (ends) return result.join('');
      content = [];
      place = 'headers';
    } else if (place === 'headers') {
      result.push(bare, '\r\n');
      if (bare === '') place = 'content';
      else if (!/^[!#$%&'*+.^_`|~\w-]+:/.test(bare))
        throw new CellError(
          `Line ${number + at}: expected a header of a part, or an empty line before its content.`,
        );
    } else if (place === 'content') {
      if (content.length === 0 && /^<@?\s/.test(line))
        throw new CellError('A part from a file is not supported; read it into a variable.');
      content.push(line);
    } else if (bare !== '')
      throw new CellError(`Line ${number + at}: a body in parts begins with ${delimiter}.`);
  }
  throw new CellError(`A body in parts ends with a line ${delimiter}--.`);
}

/**
 * Parts as they stand; their headers take a value as forms of browsers write one, and what is in a part takes it as it
 * is, bytes too.
 * @throws {CellError} for a value that would end its part
 */
export function renderMultipart(template: Template, contentType: string, values: Values): Buffer {
  const delimiter = `--${boundaryOf(contentType) ?? ''}`;
  const result: Uint8Array[] = [];
  let inHeaders = false;
  let inQuotes = false;
  for (const piece of template) {
    if (typeof piece === 'string') {
      const start = piece.lastIndexOf(`${delimiter}\r\n`);
      const blank = piece.lastIndexOf('\r\n\r\n');
      if (start >= 0 || blank >= 0) inHeaders = start > blank;
      const line = piece.lastIndexOf('\r\n');
      const quotes = piece.slice(Math.max(line, 0)).split('"').length - 1;
      inQuotes = (line < 0 && inQuotes) !== (quotes % 2 === 1);
      result.push(Buffer.from(piece));
      continue;
    }
    const { reference } = piece;
    const data = inHeaders
      ? Buffer.from(headerValue(textOf(piece, values), reference, inQuotes))
      : (bytesOf(piece, values) ?? Buffer.from(textOf(piece, values)));
    if (data.includes(delimiter))
      throw new CellError(`{{${reference}}} contains the boundary of this body. Choose another one.`);
    result.push(data);
  }
  return Buffer.concat(result);
}

/** Source: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function headerValue(text: string, reference: string, inQuotes: boolean): string {
  if (!inQuotes && !/^[\w.-]*$/.test(text))
    throw new CellError(`{{${reference}}} has to be in quotes in the header of a part.`);
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text))
    throw new CellError(
      `{{${reference}}} contains a control character, which the header of a part does not allow.`,
    );
  // Some take a backslash for the beginning of an escape.
  return text.replace(/["\\\r\n]/g, (character) => percentEncoded(character, ''));
}
