/**
 * The text of a frame: `{"event":…,"data":…}`, put together once and shared by every socket it goes
 * to. `dataJson` is forwarded as it stands.
 */
export function eventFrame(event: string, dataJson: string): Buffer {
  return Buffer.from(`{"event":${JSON.stringify(event)},"data":${dataJson}}`)
}

/** What a client is told of a frame that was not understood; `reason` says what was wrong with it. */
export function errorFrame(message: string, reason: string): Buffer {
  return Buffer.from(JSON.stringify({ event: 'error', message, data: { reason } }))
}

export const PONG_FRAME = Buffer.from('{"event":"pong"}')

/** A frame from a client, in the document's own envelope. */
export interface ClientFrame {
  event: string
  data: Record<string, unknown>
}

/** Undefined for what is not `{"event": "…"}` with, if any, an object as `data`. */
export function parseClientFrame(text: string): ClientFrame | undefined {
  try {
    const { event, data = {} } = JSON.parse(text)
    const isFrame = typeof event === 'string' && typeof data === 'object' && data !== null
    return isFrame && !Array.isArray(data) ? { event, data } : undefined
  } catch {
    return undefined
  }
}
