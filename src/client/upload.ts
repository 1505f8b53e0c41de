import type { Fetch, RawAnswer } from './api.ts'

export interface Upload {
  url: string
  form: FormData
  headers: Record<string, string>
  credentials: RequestCredentials
  /** Called with the part that is on its way, from 0 to 1. */
  onProgress: (part: number) => void
  signal: AbortSignal
}

/**
 * Posts a form and says how far it is: by XMLHttpRequest in browsers, by a counted stream in Node.
 */
export function uploadWithProgress(upload: Upload, fetch: Fetch): Promise<RawAnswer> {
  return globalThis.XMLHttpRequest === undefined
    ? uploadByStream(upload, fetch)
    : uploadByXmlHttpRequest(upload)
}

/** Browsers stream request bodies over HTTP/2 at best, and report their progress nowhere else. */
function uploadByXmlHttpRequest(upload: Upload): Promise<RawAnswer> {
  const request = new XMLHttpRequest()
  return new Promise((resolve, reject) => {
    request.open('POST', upload.url)
    request.withCredentials = upload.credentials === 'include'
    for (const [name, value] of Object.entries(upload.headers)) {
      request.setRequestHeader(name, value)
    }
    request.upload.onprogress = ({ loaded, total }) => upload.onProgress(loaded / total)
    request.onload = () =>
      resolve({
        status: request.status,
        retryAfter: request.getResponseHeader('Retry-After'),
        body: request.responseText,
      })
    request.onerror = () => reject(new Error('The upload failed'))
    request.onabort = () => reject(new Error('The upload was given up'))
    upload.signal.addEventListener('abort', () => request.abort())
    request.send(upload.form)
  })
}

async function uploadByStream(upload: Upload, fetch: Fetch): Promise<RawAnswer> {
  // Response knows how to write a form, boundary and all.
  const encoded = new Response(upload.form)
  const total = formBytes(upload.form)
  const type = encoded.headers.get('Content-Type') ?? ''
  const options: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { ...upload.headers, 'Content-Type': type },
    body: encoded.body?.pipeThrough(counter(total, upload.onProgress)) ?? null,
    duplex: 'half',
    credentials: upload.credentials,
    signal: upload.signal,
  }
  const response = await fetch(upload.url, options)
  return {
    status: response.status,
    retryAfter: response.headers.get('Retry-After'),
    body: await response.text(),
  }
}

/** Bytes of the files in a form; the few around them do not matter. */
function formBytes(form: FormData): number {
  let bytes = 0
  form.forEach((value) => {
    if (typeof value !== 'string') bytes += value.size
  })
  return bytes
}

function counter(
  total: number,
  onProgress: (part: number) => void,
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let bytes = 0
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length
      onProgress(Math.min(1, bytes / total))
      controller.enqueue(chunk)
    },
  })
}
