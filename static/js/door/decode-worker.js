/* Reads codes in pictures, beside the page, so that the camera's image stays smooth.

   A classic worker: the library is no module. It has headers of its own (/door/worker.js),
   since the reader is WebAssembly, which no page of ours may compile. */

let detector

self.onmessage = async ({ data }) => {
  try {
    if (data.library) await prepare(data.library, data.module)
    else await read(data.picture)
  } catch (error) {
    self.postMessage({ broken: String(error) })
  }
}

async function prepare(library, module) {
  importScripts(library)
  const { BarcodeDetector, prepareZXingModule } = self.BarcodeDetectionAPI
  // Without this it would ask a CDN for the module.
  const overrides = { locateFile: () => module }
  await prepareZXingModule({ overrides, fireImmediately: true })
  detector = new BarcodeDetector({ formats: ["qr_code"] })
  self.postMessage({ ready: true })
}

async function read(picture) {
  const found = await detector.detect(picture)
  picture.close()
  self.postMessage({ texts: found.map((code) => code.rawValue) })
}
