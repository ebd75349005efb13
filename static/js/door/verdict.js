/* What the screen shows of a verdict. Pure: words come from the page, so that they can be
   translated; the table of cases is shared with the server (tests/cases/verdicts.json). */

const TONES = {
  welcome: "welcome",
  left_and_back: "welcome",
  already_in: "already",
  unknown: "no",
  wrong_event: "no",
  not_in_person: "no",
  cancelled: "no",
  replaced: "no",
  too_early: "no",
  over: "no",
  unreadable: "no",
  not_stored: "already",
  waitlisted: "ask",
  released: "ask",
  left: "note",
  not_in: "note",
  undone: "note",
}

const SIGNS = { welcome: "✓", already: "!", no: "✕", ask: "?" }
const OWN_SIGNS = { left: "→", not_in: "–", undone: "↩" }

/** Verdicts after which somebody came in or went out: these can be taken back. */
const CHANGES = ["welcome", "left_and_back", "left"]

/** How long a verdict stays by itself, in milliseconds; the others wait for a tap. */
const STAYS = { welcome: 3000, note: 2500 }

/** What to show of an answer. `words` has `{word, why, whyAtDoor}` by verdict and `guest`
    for the nameless; `clock` turns an instant into the event's time of day. */
export function screenOf(answer, words, clock) {
  // What a newer server may say is never a yes.
  const verdict = Object.hasOwn(TONES, answer.verdict) ? answer.verdict : "unknown"
  const tone = TONES[verdict]
  const { word, why } = words[verdict]
  return {
    verdict,
    tone,
    sign: SIGNS[tone] ?? OWN_SIGNS[verdict],
    word,
    name: nameOf(answer, words.guest),
    why: whyOf(answer, why, words[verdict].whyAtDoor, clock),
    admission: answer.admission ?? "",
    party: partyOf(answer.party ?? [], words.guest),
    stays: STAYS[tone] ?? null,
    mayLeave: verdict === "already_in",
    mayBeUndone: CHANGES.includes(verdict),
    isRehearsal: answer.rehearsal === true,
  }
}

function whyOf(answer, why, whyAtDoor, clock) {
  const time = answer.at ? clock(new Date(answer.at)) : ""
  if (time && answer.door && whyAtDoor) {
    return whyAtDoor.replace("{time}", time).replace("{door}", () => answer.door)
  }
  if (!why.includes("{time}")) return why
  return time ? why.replace("{time}", time) : ""
}

/** The name, or `Guest 1` for one who was never named. */
function nameOf(answer, guest) {
  if (answer.name) return answer.name
  const self = (answer.party ?? []).find((person) => person.is_this)
  return self ? calledLike(self, guest) : ""
}

function calledLike(person, guest) {
  return person.name || guest.replace("{number}", person.position)
}

/** Who belongs together, where they are several; who isn't in yet first. */
function partyOf(party, guest) {
  if (party.length < 2) return []
  return party
    .map((person) => ({ ...person, name: calledLike(person, guest) }))
    .sort((a, b) => a.is_in - b.is_in || a.position - b.position)
}

/** A time of day in a zone, as in `18:42`. */
export function clockIn(zone) {
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
  const format = new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: zone })
  return (instant) => format.format(instant)
}
