import { deflateRawSync } from 'node:zlib';

/** What a token has to be worth, in bits, so that guessing it is hopeless at any speed. */
const ENOUGH_BITS = 72;

/** How much of a token may go on as the alphabet, a number or a keyboard does; of chance it is a quarter to a third. */
const MOST_IN_ORDER = 0.6;
const ORDERS = `abcdefghijklmnopqrstuvwxyz 01234567890 qwertyuiop asdfghjkl zxcvbnm
  1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm`.split(/\s+/);

/** And of its pairs of letters, that are frequent in words: of chance it is a tenth. */
const MOST_OF_WORDS = 0.5;
/** Source: the most frequent pairs of English letters (Norvig, https://norvig.com/mayzner.html), and of names in computing. */
const FREQUENT = new Set(
  `th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic ne ea
   ra ce li ch ll be ma si om ur ss us pa pr ad mi ke ok ub rn et da ta ab am my cr et se oo yt py ju up op ps rt`.split(
    /\s+/,
  ),
);
/** How people write letters as digits and signs. */
const AS_LETTERS: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/**
 * True of what looks as if chance had made it: base64 or hexadecimal of ten bytes or more, a UUID. The estimate is on
 * the low side: Shannon's entropy of the characters over the whole length, nothing that repeats itself or goes on as a
 * keyboard does, letters and digits in turn, no words. Words with a year behind them, one word four times over, or
 * words with digits in the place of letters are none.
 */
export function isUnguessable(token: string): boolean {
  if (!/\d/.test(token) || !/[a-z]/i.test(token) || /\s/.test(token)) return false;
  const kinds = token
    .replace(/[^a-z\d]/gi, '')
    .replace(/[a-z]/g, 'a')
    .replace(/[A-Z]/g, 'A')
    .replace(/\d/g, '1');
  const changes = kinds.replace(/(.)\1+/g, '$1').length - 1;
  if (changes < kinds.length / 4 || isInOrder(token) || isOfWords(token)) return false;
  const counts = new Map<string, number>();
  for (const character of token) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits += count * Math.log2(token.length / count);
  return bits >= ENOUGH_BITS && deflateRawSync(token, { level: 9 }).length * 8 >= ENOUGH_BITS * 1.5;
}

/** `abc123def456`, `1q2w3e4r`: each follows the character before it, or the one before that. */
function isInOrder(token: string): boolean {
  const plain = token.toLowerCase().replace(/[^a-z\d]/g, '');
  const follows = (at: number, distance: number) =>
    ORDERS.some((order) => order.includes(plain.charAt(at - distance) + plain.charAt(at)));
  let count = 0;
  for (let at = 2; at < plain.length; at++) if (follows(at, 1) || follows(at, 2)) count++;
  return count > MOST_IN_ORDER * (plain.length - 2);
}

/** Hexadecimal numbers have too few letters to look like words, and look so all the same. */
function isOfWords(token: string): boolean {
  if (/^[\da-f-]+$/i.test(token)) return false;
  const letters = token.toLowerCase().replace(/[013457@$!]/g, (sign) => AS_LETTERS[sign] ?? sign);
  const pairs = Array.from({ length: letters.length - 1 }, (_, at) => letters.slice(at, at + 2)).filter(
    (each) => /^[a-z]{2}$/.test(each),
  );
  return pairs.filter((each) => FREQUENT.has(each)).length > MOST_OF_WORDS * pairs.length;
}
