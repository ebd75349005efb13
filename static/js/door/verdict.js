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
  misread: "already",
  one_at_a_time: "already",
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

/** For whom coming in may be tried: a place that was given on may be free again. */
const MAY_COME_IN = ["welcome", "left_and_back", "released"]

/** Of those shown together the first of these is heard. */
const GRAVEST = ["no", "ask", "already", "note", "welcome"]

/** So many seconds "4 seconds ago" says more than a time of day; verdicts.py the same. */
const JUST_NOW = 60

/** What to show of an answer. `words` has `{word, why, whyAtDoor}` by verdict and `guest`
    for the nameless; `clock` turns an instant into the event's time of day, and `ago`
    some seconds into "4 seconds ago"; `now` is by the server, in milliseconds. */
export function screenOf(answer, words, clock, now = NaN) {
  // What a newer server may say is never a yes.
  const verdict = Object.hasOwn(TONES, answer.verdict) ? answer.verdict : "unknown"
  const tone = TONES[verdict]
  const { word } = words[verdict]
  return {
    verdict,
    tone,
    sound: tone,
    sign: SIGNS[tone] ?? OWN_SIGNS[verdict],
    word,
    name: nameOf(answer, words.guest),
    ago: verdict === "already_in" ? agoOf(answer, clock, now) : "",
    why: whyOf(answer, words[verdict], clock),
    admission: answer.admission ?? "",
    // Who may not come in is none of those who are awaited.
    party: tone === "no" ? [] : partyOf(answer.party ?? [], words.guest),
    position: (answer.party ?? []).find((person) => person.is_this)?.position,
    stays: STAYS[tone] ?? null,
    mayLeave: verdict === "already_in",
    mayBeUndone: CHANGES.includes(verdict),
    isRehearsal: answer.rehearsal === true,
    rows: [],
  }
}

function whyOf(answer, { why, whyAtDoor }, clock) {
  const time = answer.at ? clock(new Date(answer.at)) : ""
  if (time && answer.door && whyAtDoor) {
    return whyAtDoor.replace("{time}", time).replace("{door}", () => answer.door)
  }
  if (!why.includes("{time}")) return why
  return time ? why.replace("{time}", time) : ""
}

/** How long somebody has been in, while it is a moment: "4 seconds ago". */
function agoOf(answer, clock, now) {
  const seconds = Math.round((now - Date.parse(answer.at)) / 1000)
  return seconds < JUST_NOW ? clock.ago(Math.max(1, seconds)) : ""
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

/** A time of day in a zone, as in `18:42`; its `ago` says "4 seconds ago". */
export function clockIn(zone, language = "en") {
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
  const format = new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: zone })
  const distance = new Intl.RelativeTimeFormat(language)
  const clock = (instant) => format.format(instant)
  return Object.assign(clock, { ago: (seconds) => distance.format(-seconds, "second") })
}

// --- several ----------------------------------------------------------------------------

/** The screen of several answers that have nothing to do with each other, each of them a
    row. It stays until it is tapped. */
export function listOf(screens, words) {
  const rows = screens.flatMap((screen) => (screen.rows.length ? screen.rows : [rowOf(screen)]))
  return {
    ...together(screens),
    word: words.lists.answers.replace("{number}", rows.length),
    rows,
    isList: true,
  }
}

/** The screen of a party that was let in by one tap (or taken back by one). */
export function groupOf(screens, words) {
  const [first] = screens
  const isOne = screens.every(({ verdict }) => verdict === first.verdict)
  const isWelcome = screens.every(({ tone }) => tone === "welcome")
  const inside = screens.filter(({ tone }) => tone === "welcome").length
  const some = words.lists.some.replace("{number}", inside).replace("{of}", screens.length)
  return {
    ...together(screens),
    word: isOne ? first.word : isWelcome ? words.welcome.word : some,
    rows: screens.map(rowOf),
    party: othersOf(screens),
    stays: isOne && first.stays !== null ? first.stays + 1000 : null,
    mayBeUndone: screens.every((screen) => screen.mayBeUndone),
  }
}

/** What is asked where a picture has several codes of one party: `looks` are their
    screens as they would be, each with its `codes`. */
export function choiceOf(looks, words) {
  const admits = looks
    .filter(({ verdict }) => MAY_COME_IN.includes(verdict))
    .flatMap(({ codes }) => codes)
  const waiting = { tone: "wait", sign: "○", word: words.lists.notIn, why: "" }
  return {
    ...together(looks),
    tone: "note",
    sound: "note",
    sign: String(looks.length),
    word: words.lists.party,
    rows: looks.map((look) => ({ ...rowOf(look), ...(look.tone === "welcome" && waiting) })),
    party: othersOf(looks),
    admits,
    isChoice: admits.length > 0,
  }
}

function together(screens) {
  const tones = new Set(screens.map(({ sound }) => sound))
  const sound = GRAVEST.find((tone) => tones.has(tone))
  return {
    verdict: "",
    tone: tones.size === 1 ? sound : "list",
    sound,
    sign: tones.size === 1 ? screens[0].sign : String(screens.length),
    name: "",
    ago: "",
    why: "",
    admission: "",
    party: [],
    stays: null,
    mayLeave: false,
    mayBeUndone: false,
    isRehearsal: screens.some((screen) => screen.isRehearsal),
  }
}

const rowOf = ({ verdict, tone, sign, name, word, ago, why }) => ({
  verdict,
  tone,
  sign,
  name,
  word,
  why: [ago, why].filter(Boolean).join(" · "),
})

/** Who of a party isn't in yet and was not in the picture, by the latest answer. */
function othersOf(screens) {
  const here = screens.map((screen) => screen.position)
  const { party } = screens.findLast((screen) => screen.party.length) ?? { party: [] }
  return party.filter((one) => !one.is_in && !here.includes(one.position))
}
