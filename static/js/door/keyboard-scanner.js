/* Scanners that stand for a keyboard: a run of quick keys, ended by Enter or Tab, is a
   scan wherever the focus is. Pure: a press has its time with it. */

/** Milliseconds from key to key. Slow scanners take 60; who types so fast, for so long, and
    presses Enter after it, is one. */
const QUICK = 150
const LEAST = 6
/** After so long nothing more comes of a scanner that ends with no key at all. */
export const REST = 250
/** As many keys as a code has characters. */
const WHOLE = 29
/** Some end with two keys; the second would press what has the focus. */
const SECOND_END = 80
const ENDS = ["Enter", "Tab"]
/** The same as control characters: Ctrl+M is Enter, and Ctrl+J often follows it. */
const CONTROL_ENDS = ["m", "j", "i"]
/** Keys that go with others and are no break. */
const BESIDE = ["Shift", "CapsLock", "AltGraph", "NumLock", "Dead", "Process", "Unidentified"]

/** `press` takes what matters of each key that goes down, `{key, code, at, isRepeated,
    isCommand}`, and gives `{scan: {typed, places}}` at the end of a run, `{isOurs: true}`
    for a key that must do nothing else, or `{}`. `began` is told of each run's first key.
    `rest`, after `REST` without a key, gives what may be a whole code without an end, once. */
export function makeKeyboardScanner({ began = () => {} } = {}) {
  let typed = ""
  let places = ""
  let count = 0
  let lastAt = -Infinity
  let endedAt = -Infinity
  let isTaken = false

  function forget() {
    isTaken = false
    typed = ""
    places = ""
    count = 0
  }

  function press({ key, code, at, isRepeated, isCommand }) {
    const isQuick = at - lastAt <= QUICK
    const isEnd = isCommand ? CONTROL_ENDS.includes(key.toLowerCase()) : ENDS.includes(key)
    const isScan = isQuick && count >= LEAST
    lastAt = at
    if (isEnd && at - endedAt <= SECOND_END) {
      endedAt = at
      return { isOurs: true }
    }
    endedAt = -Infinity
    if (isEnd && isScan) {
      // Its end may come late, where the page was busy.
      const scan = isTaken ? undefined : { typed, places }
      forget()
      endedAt = at
      return { scan, isOurs: true }
    }
    if (isCommand && isScan) return { isOurs: true }
    // A key that is held down comes as fast as a scanner's.
    if (isRepeated || isCommand || isEnd) {
      forget()
      return {}
    }
    if (!isQuick) forget()
    const place = placeOf(code)
    if ([...key].length !== 1 && !(BESIDE.includes(key) && place)) {
      if (!BESIDE.includes(key)) forget()
      return {}
    }
    if (count === 0) began()
    isTaken = false
    if ([...key].length === 1) typed += key
    places += place
    count += 1
    // Within a run a space presses no button; the first key may be anybody's.
    return key === " " && count > 1 ? { isOurs: true } : {}
  }

  function rest() {
    if (isTaken || count < WHOLE) return {}
    isTaken = true
    return { scan: { typed, places } }
  }

  return { press, rest }
}

/** What the key is on the keyboard that scanners think they are, whatever it gives here:
    `KeyZ` is Z. Nothing for keys that no code needs. */
function placeOf(code = "") {
  const [, sign] = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(code) ?? []
  return sign ?? OTHERS[code] ?? ""
}

const OTHERS = { BracketRight: "]" }
