/* The camera: its picture on the screen, and nine times a second a still of it to the
   worker that reads codes. One still is on its way at a time. */

const EVERY = 110
/** The longer side of what is read: more pixels make it slower and no surer. */
const SIDE = 720

/** Why there is no camera: `insecure`, `missing`, `denied`, `busy`. */
export class NoCamera extends Error {
  constructor(why) {
    super(why)
    this.why = why
  }
}

/** `found` is told of each text that is read, `broken` when reading can't go on. */
export function makeCamera({ video, addresses, found, broken }) {
  let worker = null
  let stream = null
  let facing = "environment"
  let isReady = false
  let isReading = false
  let timer = null

  function prepare() {
    worker = new Worker(addresses.worker)
    worker.onerror = () => broken()
    worker.onmessage = ({ data }) => {
      isReading = false
      if (data.ready) isReady = true
      // A single still may fail; without a reader nothing will ever be found.
      else if (data.broken && !isReady) broken()
      for (const text of data.texts ?? []) found(text)
    }
    worker.postMessage({ library: addresses.library, module: addresses.module })
  }

  async function look() {
    timer = setTimeout(look, EVERY)
    if (!isReady || isReading || document.hidden || video.readyState < 2) return
    isReading = true
    try {
      const picture = await still(video)
      worker.postMessage({ picture }, [picture])
    } catch {
      isReading = false // the camera is between two pictures
    }
  }

  async function start() {
    if (!worker) prepare()
    stop()
    stream = await open(facing)
    video.srcObject = stream
    await video.play()
    keepAwake()
    look()
  }

  function stop() {
    clearTimeout(timer)
    for (const track of stream?.getTracks() ?? []) track.stop()
    stream = null
  }

  const track = () => stream?.getVideoTracks()[0]

  document.addEventListener("visibilitychange", () => {
    // Phones take the camera away while another app is in front.
    if (document.hidden || !stream) return
    keepAwake()
    if (track()?.readyState === "ended") start().catch(() => broken())
  })

  return {
    start,
    stop,
    async switch() {
      facing = facing === "environment" ? "user" : "environment"
      await start()
    },
    hasTorch: () => Boolean(track()?.getCapabilities?.().torch),
    torch: (on) => track()?.applyConstraints({ advanced: [{ torch: on }] }),
    async count() {
      const devices = await navigator.mediaDevices.enumerateDevices()
      return devices.filter((device) => device.kind === "videoinput").length
    },
  }
}

async function open(facing) {
  if (!globalThis.isSecureContext) throw new NoCamera("insecure")
  if (!navigator.mediaDevices?.getUserMedia) throw new NoCamera("missing")
  const wanted = { facingMode: { ideal: facing }, width: { ideal: 1280 }, height: { ideal: 720 } }
  try {
    return await navigator.mediaDevices.getUserMedia({ video: wanted })
  } catch (error) {
    throw new NoCamera(whyOf(error))
  }
}

export function whyOf(error) {
  if (["NotAllowedError", "SecurityError"].includes(error?.name)) return "denied"
  if (["NotReadableError", "AbortError"].includes(error?.name)) return "busy"
  return "missing"
}

/** The square in the middle, which is what the screen shows of it. */
function still(video) {
  const side = Math.min(video.videoWidth, video.videoHeight)
  const small = Math.min(side, SIDE)
  const left = Math.floor((video.videoWidth - side) / 2)
  const top = Math.floor((video.videoHeight - side) / 2)
  const part = [video, left, top, side, side]
  return createImageBitmap(...part, { resizeWidth: small, resizeHeight: small }).catch(
    () => createImageBitmap(...part), // browsers that can't make it smaller
  )
}

function keepAwake() {
  navigator.wakeLock?.request("screen").catch(() => {}) // low battery: then not
}
