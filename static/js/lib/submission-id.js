/* The form's own id: sent twice (a double click, a reload, a retry) it lands on the same
   ticket. It is kept for the tab until a registration came of it. */

const PREFIX = "submission:"

export function newId(source = crypto) {
  if (source.randomUUID) return source.randomUUID()
  // Pages served without TLS lack randomUUID. RFC 9562, version 4.
  const bytes = source.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

/** The id of this page's form, made at the first call. */
export function submissionFor(path, storage, make = newId) {
  const key = PREFIX + path
  const kept = storage.getItem(key)
  if (kept) return kept
  const id = make()
  storage.setItem(key, id)
  return id
}

export function forgetSubmissions(storage) {
  for (const key of Object.keys(storage)) {
    if (key.startsWith(PREFIX)) storage.removeItem(key)
  }
}
