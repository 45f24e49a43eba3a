/**
 * Whether the whole text fits the pattern: `*` stands for any run of characters but /, `**` for any run at all, and every
 * other character for itself.
 *
 * Takes as many steps as pattern and text have characters, multiplied: no text makes it slow.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  // Where in the text the part of the pattern read so far can end.
  let ends = Array.from({ length: text.length + 1 }, (_, end) => end === 0);
  for (const token of pattern.match(/\*\*+|[\s\S]/g) ?? []) {
    const before = ends;
    const next: boolean[] = [];
    for (const [end, couldEnd] of before.entries()) {
      const last = text[end - 1];
      const goesOn = token.startsWith('**') || (token === '*' && last !== '/');
      if (token.startsWith('*')) next.push(couldEnd || (end > 0 && goesOn && next[end - 1] === true));
      else next.push(end > 0 && last === token && before[end - 1] === true);
    }
    ends = next;
  }
  return ends[text.length] === true;
}
