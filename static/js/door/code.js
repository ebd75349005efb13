/* A code as it was scanned or typed, read as kindly as the server does (tokens.read_code):
   `1`, 26 characters and 2 check characters. */
import { ALPHABET, readings } from "./keyboard-layouts.js"

const LENGTH = 29
/** The server takes no longer ones; a picture may have a whole letter in it. */
const LONGEST = 200

/** `{code}`, or `{mistake}`: `empty`, `short`, `long`, `other` (it can't be a code of ours)
    or `typo` (its check characters are others). */
export async function readCode(text, subtle = globalThis.crypto?.subtle) {
  if (text.length > LONGEST) return { mistake: "other" }
  const read = readings(text)
  for (const code of read.filter(isComplete)) {
    // Pages served without TLS have no `subtle`: then the server alone knows.
    if (!subtle) return { code: code === read[0] ? code : text }
    if (await isWhole(code, subtle)) return { code }
  }
  return { mistake: mistakeIn(read[0]) }
}

/** The same of what a scanner typed: its signs, or else the places of its keys, which are
    right on any keyboard that the machine thinks it has. */
export async function readKeys({ typed, places }, subtle = globalThis.crypto?.subtle) {
  const byPlace = await readCode(places, subtle)
  const read = await readCode(typed, subtle)
  return read.code || !byPlace.code ? read : byPlace
}

function mistakeIn(code) {
  if (code === "") return "empty"
  if (!isOfOurs(code)) return "other"
  if (code.length === LENGTH) return "typo"
  return code.length < LENGTH ? "short" : "long"
}

const isComplete = (code) => code.length === LENGTH && isOfOurs(code)

const isOfOurs = (code) =>
  code[0] === "1" && [...code].every((character) => ALPHABET.includes(character))

async function isWhole(code, subtle) {
  const body = code.slice(1, 27)
  const hashed = new TextEncoder().encode(`rsvp/code-check/v1${body}`)
  const [first, second] = new Uint8Array(await subtle.digest("SHA-256", hashed))
  const check = ALPHABET[first >> 3] + ALPHABET[second >> 3]
  // 26 characters carry 130 bits; the last two must be the padding that was written.
  return code.slice(27) === check && (ALPHABET.indexOf(body[25]) & 3) === 0
}
