/* What was meant where a code came by keys, typed or sent by a scanner: a scanner set up
   for an American keyboard, on a machine with another one, sends Z for Y, or é for 2.
   Which layout it was nobody tells; a code's check characters do. rsvp/text/keyboard_layouts.py has
   the same rules, by the same cases (tests/cases/codes.json). */

export const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const READ_AS = { I: "1", L: "1", O: "0" }

const LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
const DIGITS = "0123456789"
/** What the keys of letters and of digits give, by layout; as it is printed comes first.
    Keys that stand for several signs have several rows. */
const LAYOUTS = [
  [[], []],
  // German, and its digits under Caps Lock; 0 in Hungary.
  [["ABCDEFGHJKMNPQRSTVWXZY"], ['=!"§$%&/()', "Ö123456789"]],
  // Czech, and Slovak.
  [["ABCDEFGHJKMNPQRSTVWXZY"], ["É+ĚŠČŘŽÝÁÍ", "É+ĽŠČŤŽÝÁÍ"]],
  // French; of M without and with Shift; then Belgian, or a Mac's.
  [
    ["QBCDEFGHJK,NPARSTVZXYW", "QBCDEFGHJK?NPARSTVZXYW"],
    ["À&É\"'(-È_Ç", "À&É\"'(§È!Ç"],
  ],
]

/** What nobody sees, and dashes: only gaps between groups. */
const GAP =
  /^[\p{Z}\p{Cc}\p{Cf}\p{Pd}\u02d7\u2043\u2212\u034f\u115f\u1160\u2800\u3164\ufe00-\ufe0f]$/u

// ISO/IEC 15424: `]Q1` and the like, of a scanner that says what kind of code it read.
// What stands for the bracket depends on the layout.
const IDENTIFIER = /^\W[0-9A-Z]{2}(?=1)/

/** What the text may have been meant to say, as it is printed: upper case, no gaps, 1 for
    I and L, 0 for O; the text as it stands first. Each may be no code at all. */
export function readings(text) {
  const typed = [...text.normalize("NFKC").toUpperCase()]
  return [...new Set(KEYS.map((keys) => readBy(keys, typed)))]
}

function readBy(keys, typed) {
  const meant = typed.map((sign) => keys.get(sign) ?? (GAP.test(sign) ? "" : sign))
  return meant.map((sign) => READ_AS[sign] ?? sign).join("").replace(IDENTIFIER, "")
}

function keysOf([letters, digits]) {
  const pairs = (row, meant) => [...row].map((sign, at) => [sign, meant[at]])
  return new Map([
    ...letters.flatMap((row) => pairs(row, LETTERS)),
    ...digits.flatMap((row) => pairs(row, DIGITS)),
  ])
}

const KEYS = LAYOUTS.map(keysOf)
