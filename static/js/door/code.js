/* A code as it was scanned or typed, read as kindly as the server does (tokens.read_code):
   `1`, 26 characters and 2 check characters. */

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const LENGTH = 29
const READ_AS = { I: "1", L: "1", O: "0" }

/** The printed form of what was typed: upper case, no gaps, I and L for 1, O for 0. */
export function plain(text) {
  return text
    .toUpperCase()
    .replace(/[ \t\n\r\u00a0\u2010\u2011-]/g, "")
    .replace(/[ILO]/g, (letter) => READ_AS[letter])
}

/** `{code}`, or `{mistake}`: `empty`, `short`, `long`, `other` (it can't be a code of ours)
    or `typo` (its check characters are others). */
export async function readCode(text, subtle = globalThis.crypto?.subtle) {
  const code = plain(text)
  if (code === "") return { mistake: "empty" }
  if ([...code].some((character) => !ALPHABET.includes(character)) || code[0] !== "1") {
    return { mistake: "other" }
  }
  if (code.length < LENGTH) return { mistake: "short" }
  if (code.length > LENGTH) return { mistake: "long" }
  // Pages served without TLS have no `subtle`: then the server alone knows.
  if (subtle && !(await isWhole(code, subtle))) return { mistake: "typo" }
  return { code }
}

async function isWhole(code, subtle) {
  const body = code.slice(1, 27)
  const hashed = new TextEncoder().encode(`rsvp/code-check/v1${body}`)
  const [first, second] = new Uint8Array(await subtle.digest("SHA-256", hashed))
  const check = ALPHABET[first >> 3] + ALPHABET[second >> 3]
  // 26 characters carry 130 bits; the last two must be the padding that was written.
  return code.slice(27) === check && (ALPHABET.indexOf(body[25]) & 3) === 0
}
