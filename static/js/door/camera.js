/* The camera: opened, switched, lost and closed so that at most one is ever live, and none
   once it is off. It knows no document: what shows its picture is passed in. */

/** A call may take the picture away for a moment; after so many milliseconds it is told. */
const MUTED = 500

/** Why there is no camera: `insecure`, `missing`, `denied`, `busy`, `taken`, `broken`. */
export class NoCamera extends Error {
  constructor(why) {
    super(why)
    this.why = why
  }
}

export function whyOf(error) {
  if (error instanceof NoCamera) return error.why
  if (["NotAllowedError", "SecurityError"].includes(error?.name)) return "denied"
  if (["NotReadableError", "AbortError"].includes(error?.name)) return "busy"
  return "missing"
}

/** `media` is `navigator.mediaDevices`, or nothing where the browser has none. `attach`
    shows a stream (null: none), and its promise is kept once pictures come. `changed` is
    told of each state: `{phase, why, canLight, isLit, canSwitch}`, where the phase is
    `off` (`why`: by itself), `opening`, `on`, or `away` while something else has the
    picture; it comes back by itself or by a new start. */
export function makeCamera({ media, isSecure, attach, changed, after }) {
  let phase = "off"
  let why = null
  let turn = 0 // of the last start or stop: whatever began before it is overtaken
  let stream = null
  let wanted = { facing: "environment" }
  let worked = wanted
  let cameras = []
  let isMuted = false
  let isLit = false
  let isLightWanted = false
  let isHidden = false
  let isOnAgain = false // to be started once the page is seen again
  let callOff = () => {}
  let lighting = Promise.resolve()
  const opening = new Set()

  const track = () => stream?.getVideoTracks()[0]
  const settings = () => track()?.getSettings?.() ?? {}

  function tell(next, because = null) {
    phase = next
    why = because
    changed(state())
  }

  function state() {
    const canLight = phase === "on" && Boolean(track()?.getCapabilities?.().torch)
    return { phase, why, canLight, isLit, canSwitch: phase !== "off" && cameras.length > 1 }
  }

  async function start() {
    close()
    const mine = turn
    tell("opening")
    try {
      const opened = await open(mine)
      if (mine !== turn) {
        end(opened) // overtaken while it opened
        return
      }
      stream = opened
      listen(track(), mine)
      await attach(stream)
      await count()
    } catch (error) {
      if (mine === turn) fail(whyOf(error))
      return
    }
    if (mine !== turn) return
    worked = wanted
    if (track().readyState === "ended") {
      lose()
      return
    }
    if (isMuted || track().muted) mute()
    tell("on")
  }

  function stop() {
    close()
    isOnAgain = false
    tell("off")
  }

  /** Nothing is live afterwards, and whatever is being opened will be closed. */
  function close() {
    turn += 1
    callOff()
    end(stream)
    stream = null
    isMuted = false
    isLit = false
    isLightWanted = false
    attach(null)
  }

  function fail(because) {
    close()
    wanted = worked
    tell("off", because)
  }

  function end(ended) {
    for (const one of ended?.getTracks() ?? []) one.stop()
  }

  async function open(mine) {
    if (!isSecure) throw new NoCamera("insecure")
    if (!media?.getUserMedia) throw new NoCamera("missing")
    try {
      return await ask()
    } catch (error) {
      // The camera may be held by a start of our own that was overtaken.
      if (mine !== turn || whyOf(error) !== "busy" || !opening.size) throw error
      await Promise.allSettled(opening)
      if (mine !== turn) throw error
      return ask()
    }
  }

  async function ask() {
    const { facing, id } = wanted
    const which = id ? { deviceId: { exact: id } } : { facingMode: { ideal: facing } }
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } }
    const asked = media.getUserMedia({ video: { ...which, ...size } })
    opening.add(asked)
    try {
      return await asked
    } finally {
      opening.delete(asked)
    }
  }

  async function count() {
    const devices = (await media.enumerateDevices?.().catch(() => [])) ?? []
    cameras = devices.filter(({ kind }) => kind === "videoinput")
  }

  // --- what happens to it --------------------------------------------------------------

  function listen(one, mine) {
    const hear = (event, run) => one.addEventListener(event, () => mine === turn && run())
    hear("ended", lose)
    hear("mute", mute)
    hear("unmute", unmute)
  }

  /** Unplugged, or its permission was taken back, or an app in front has it. */
  function lose() {
    if (isHidden) isOnAgain = true
    fail("taken")
  }

  function mute() {
    isMuted = true
    callOff()
    if (isHidden) return
    callOff = after(MUTED, () => tell("away", "taken"))
  }

  function unmute() {
    isMuted = false
    callOff()
    if (phase === "away") tell("on")
  }

  /** Phones take the camera away while another app is in front. */
  function setVisible(isVisible) {
    isHidden = !isVisible
    if (isHidden) return
    const isEnded = phase === "on" && track().readyState === "ended"
    const isLost = isOnAgain || phase === "away" || isEnded
    isOnAgain = false
    if (isLost) start()
    else if (isMuted) mute()
    else if (phase === "on") readLight()
  }

  // --- its light -----------------------------------------------------------------------

  /** Switch it; what is told is what the camera says afterwards. */
  function light() {
    const mine = turn
    isLightWanted = !isLightWanted
    const on = isLightWanted
    lighting = lighting.then(async () => {
      if (mine !== turn || phase !== "on") return
      const done = await track()
        .applyConstraints({ advanced: [{ torch: on }] })
        .then(() => true, () => false)
      if (mine !== turn) return
      readLight(done ? on : isLit)
      if (on === isLightWanted) isLightWanted = isLit
    })
    return lighting
  }

  function readLight(otherwise = isLit) {
    isLit = settings().torch ?? otherwise
    changed(state())
  }

  // --- another one ---------------------------------------------------------------------

  async function another() {
    const before = settings().deviceId
    wanted = next()
    const starting = start()
    const mine = turn
    await starting
    // Where none looks the other way, the browser gives the same one again.
    const isSame = before && settings().deviceId === before && ids().length > 1
    if (mine !== turn || phase !== "on" || wanted.id || !isSame) return
    wanted = { ...wanted, id: following(before) }
    await start()
  }

  function next() {
    const { facingMode, deviceId } = settings()
    const facing = facingMode ?? wanted.facing
    // Cameras of desks face nowhere: then the one after this is meant.
    if (ids().length > 1 && (wanted.id || (track() && !facingMode))) {
      return { ...wanted, id: following(deviceId ?? wanted.id) }
    }
    return { facing: facing === "environment" ? "user" : "environment" }
  }

  /** Some browsers name none. */
  const ids = () => cameras.map(({ deviceId }) => deviceId).filter(Boolean)
  const following = (id) => ids()[(ids().indexOf(id) + 1) % ids().length]

  return {
    start,
    stop,
    light,
    switch: another,
    setVisible,
    /** The page goes away, perhaps to come back. */
    leave() {
      const wasOn = phase !== "off"
      stop()
      isOnAgain = wasOn
    },
    /** Cameras were plugged in or pulled out. */
    async recount() {
      if (phase !== "on") return
      await count()
      changed(state())
    },
    get isReadable() {
      return phase === "on" && !isMuted
    },
  }
}
