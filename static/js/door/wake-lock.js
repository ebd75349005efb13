/* A screen that stays on while the camera does. */

export function makeWakeLock(locks = navigator.wakeLock) {
  let isWanted = false
  let lock = null

  async function hold() {
    if (!isWanted || document.hidden || !locks) return
    // Low battery: then not.
    const held = await locks.request("screen").catch(() => null)
    lock?.release() // of two that were asked for one is enough
    lock = held
    if (!isWanted) lock?.release()
  }

  // The browser lets go of it whenever the page is hidden.
  document.addEventListener("visibilitychange", hold)
  return (wanted) => {
    if (wanted === isWanted) return
    isWanted = wanted
    if (wanted) hold()
    else lock?.release()
  }
}
