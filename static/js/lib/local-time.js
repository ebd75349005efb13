/* The event's hours by the visitor's own clock, where that differs from the event's. */

const SHAPE = { weekday: "long", day: "numeric", month: "long" }
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }

/** `{place, time}` in the visitor's zone, or null where its clocks show the same. */
export function localTime(starts, ends, eventZone, visitorZone, language) {
  const at = (instant, shape, timeZone) =>
    new Intl.DateTimeFormat(language, { ...shape, timeZone }).format(instant)
  const whole = { ...SHAPE, ...CLOCK }
  const same = [starts, ends].every(
    (instant) => at(instant, whole, visitorZone) === at(instant, whole, eventZone),
  )
  if (same) return null
  const hours = `${at(starts, CLOCK, visitorZone)}–${at(ends, CLOCK, visitorZone)}`
  return {
    place: visitorZone.split("/").pop().replaceAll("_", " "),
    time: `${at(starts, SHAPE, visitorZone)}, ${hours}`,
  }
}

export function showLocalTime(line) {
  const [starts, ends] = [...line.parentElement.querySelectorAll("time")].map(
    (time) => new Date(time.dateTime),
  )
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone
  // Dates read alike all over the page: day first.
  const language = document.documentElement.lang.replace(/^en$/, "en-GB")
  if (!starts || !ends || !here) return
  const local = localTime(starts, ends, line.dataset.zone, here, language)
  if (!local) return
  line.textContent = line.dataset.words
    .replace("{place}", local.place)
    .replace("{time}", local.time)
  line.hidden = false
}
