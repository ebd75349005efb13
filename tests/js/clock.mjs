/* A clock for tests: time passes when it is told to. */

export function makeClock(start = 0) {
  let now = start
  let timers = []
  return {
    now: () => now,
    after(milliseconds, run) {
      const timer = { at: now + Math.max(0, milliseconds), run }
      timers.push(timer)
      return () => {
        timers = timers.filter((one) => one !== timer)
      }
    },
    /** Let time pass; what is due runs in order, each at its own moment. */
    async pass(milliseconds) {
      const until = now + milliseconds
      for (;;) {
        await settle()
        const [next] = timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
        if (!next) break
        timers = timers.filter((one) => one !== next)
        now = Math.max(now, next.at)
        next.run()
      }
      now = until
    },
  }
}

/** Until what was promised has been kept, and what followed from it. */
export async function settle() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((done) => setImmediate(done))
}
