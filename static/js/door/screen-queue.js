/* Which screen is shown when: each answer is seen for itself, a welcome for a second at
   least, and what comes meanwhile follows it, several as one list. A question (`isChoice`)
   is asked until it is answered. Pure: `show` draws. */

/** How long a screen is safe from the next one, in milliseconds; a no somewhat longer. */
const LEAST = 1000
const LEAST_NO = 1500
/** A tap so soon was meant for what was there before: no eye and finger are quicker. */
const TAP = 150

const isAnswer = ({ isChoice }) => !isChoice

/** `show` is given each screen as it appears (`stays`: how long by itself, null: until a
    tap), then null; `listOf` makes one of several. `after` runs a function after so many
    milliseconds and gives one that calls it off. */
export function makeScreenQueue({ show, listOf, now, after }) {
  let current = null
  let waiting = []
  let seenFor = 0 // milliseconds, without those in which the page was hidden
  let since = null // null: hidden
  let isVisible = true
  let callOff = () => {}

  const seen = () => seenFor + (since === null ? 0 : now() - since)

  function put(screen) {
    current = screen
    seenFor = 0
    since = isVisible ? now() : null
    show(screen)
    plan()
  }

  function plan() {
    callOff()
    callOff = () => {}
    const ends = current && since !== null ? endOf(current) : null
    if (ends !== null) callOff = after(Math.max(0, ends - seen()), end)
  }

  /** When it goes by itself; null: it waits for a tap. */
  function endOf(screen) {
    // A question is no answer: it pushes away no list, nor another question.
    const isPatient = screen.isList || screen.isChoice
    if (!(isPatient ? waiting.some(isAnswer) : waiting.length)) return screen.stays
    if (screen.isList) return 0
    return screen.stays === null ? LEAST_NO : LEAST
  }

  function end() {
    if (endOf(current) > seen()) plan() // timers may come early
    else follow(true)
  }

  function follow(byItself) {
    callOff()
    // Nothing may push these away but a tap: a list grows, a question is asked again.
    if (byItself && current?.isList && waiting.length) waiting.unshift(current)
    if (byItself && current?.isChoice && waiting.length) waiting.push(current)
    const answers = waiting.filter(isAnswer)
    const questions = waiting.filter((screen) => !isAnswer(screen))
    const next = answers.length > 1 ? listOf(answers) : (answers[0] ?? questions.shift())
    waiting = questions
    if (next) put(next)
    else {
      current = null
      show(null)
    }
  }

  return {
    add(...screens) {
      waiting.push(...screens)
      if (!current && waiting.length) follow(false)
      else plan()
    },
    /** Put the current one away; says whether it was. A key was meant for it (`isSure`),
        a finger may have been on its way to something else. */
    tap(isSure = false) {
      if (!current || (!isSure && seen() < TAP)) return false
      follow(false)
      return true
    },
    setVisible(visible) {
      if (visible === isVisible) return
      isVisible = visible
      if (visible) since = now()
      else {
        seenFor = seen()
        since = null
      }
      plan()
    },
    get current() {
      return current
    },
    get all() {
      return current ? [current, ...waiting] : []
    },
  }
}
