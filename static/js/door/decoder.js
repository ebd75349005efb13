/* Reads codes: nine times a second a still of the camera's picture goes to a worker. One
   still is on its way at a time. */

const EVERY = 110
/** The longer side of what is read: more pixels make it slower and no surer. */
const SIDE = 720
/** A worker that says nothing for so long is dead. */
const DEAD = 15_000

/** `found` is told of all texts in each still, none included; `ready` once it can read;
    `broken` when reading can't go on. Stills are taken while `mayRead` says so. */
export function makeDecoder({ video, addresses, mayRead, found, ready, broken }) {
  let worker = null
  let isReady = false
  let readsSince = null
  let turn = 0 // a still of an earlier turn is not told of
  let turnRead = 0
  let timer = null

  function prepare() {
    worker = new Worker(addresses.worker)
    worker.onerror = giveUp
    worker.onmessage = ({ data }) => {
      if (data.ready) {
        isReady = true
        ready()
        return
      }
      readsSince = null
      // A single still may fail; without a reader nothing will ever be found.
      if (data.broken && !isReady) giveUp()
      if (data.texts && turnRead === turn && mayRead()) found(data.texts)
    }
    worker.postMessage({ library: addresses.library, module: addresses.module })
  }

  async function look() {
    timer = setTimeout(look, EVERY)
    if (readsSince !== null && performance.now() - readsSince > DEAD) revive()
    if (!isReady || readsSince !== null || !mayRead() || video.readyState < 2) return
    readsSince = performance.now()
    turnRead = turn
    try {
      const picture = await still(video)
      worker?.postMessage({ picture }, [picture])
    } catch {
      readsSince = null // the camera is between two pictures
    }
  }

  function revive() {
    end()
    prepare()
  }

  /** The next start tries anew. */
  function giveUp() {
    end()
    broken()
  }

  function end() {
    worker?.terminate()
    worker = null
    isReady = false
    readsSince = null
  }

  function stop() {
    turn += 1
    clearTimeout(timer)
  }

  return {
    start() {
      if (!worker) prepare()
      stop()
      look()
    },
    stop,
    get isReady() {
      return isReady
    },
  }
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
