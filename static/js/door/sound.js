/* What a verdict sounds and feels like: each tone its own, so that nobody has to look. */

// Notes as [hertz, starts at, lasts] in seconds.
const TUNES = {
  welcome: [
    [660, 0, 0.09],
    [990, 0.1, 0.16],
  ],
  already: [
    [520, 0, 0.12],
    [520, 0.18, 0.12],
  ],
  no: [[170, 0, 0.45]],
  ask: [
    [440, 0, 0.1],
    [554, 0.13, 0.1],
    [440, 0.26, 0.16],
  ],
  note: [[880, 0, 0.05]],
}
const LOUD = { welcome: 0.35, already: 0.4, no: 0.5, ask: 0.4, note: 0.2 }

// Milliseconds of shaking and of rest in turn.
const SHAKES = {
  welcome: [80],
  already: [120, 80, 120],
  no: [500],
  ask: [80, 60, 80, 60, 80],
  note: [30],
}

export function makeSound(storage = localStorage) {
  let context = null
  let isMuted = storage.getItem("door-muted") === "yes"
  return {
    /** Browsers allow sound only from within a press of the finger. */
    unlock() {
      const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext
      if (!context && Context) context = new Context()
      context?.resume()
    },
    play(tone) {
      navigator.vibrate?.(SHAKES[tone])
      if (isMuted || !context) return
      // iOS puts it to sleep whenever the phone was locked.
      context.resume()
      for (const note of TUNES[tone]) sing(context, note, LOUD[tone], tone === "no")
    },
    get isMuted() {
      return isMuted
    },
    mute(muted) {
      isMuted = muted
      storage.setItem("door-muted", muted ? "yes" : "no")
    },
  }
}

function sing(context, [hertz, startsAt, lasts], loud, isHarsh) {
  const from = context.currentTime + startsAt
  const voice = context.createOscillator()
  const volume = context.createGain()
  voice.type = isHarsh ? "sawtooth" : "triangle"
  voice.frequency.value = hertz
  volume.gain.setValueAtTime(0, from)
  volume.gain.linearRampToValueAtTime(loud, from + 0.01)
  volume.gain.setValueAtTime(loud, from + lasts - 0.02)
  volume.gain.linearRampToValueAtTime(0, from + lasts)
  voice.connect(volume).connect(context.destination)
  voice.start(from)
  voice.stop(from + lasts)
}
