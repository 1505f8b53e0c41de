import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import type { Chat } from '../../chat/chat.ts'
import type { ClientConfig, Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/** GET /client_config.json: where a page connects, how its visitor signs in, and what may be sent. */
export const clientConfig: Endpoint = {
  methods: ['GET'],
  access: 'public',
  handle: async ({ chat, request, clientConfig: config }) =>
    success('OK', {
      websocket_url: await websocketUrl(chat, request, config),
      auth: config.auth,
      timezone: config.timezone,
      message_length_max: config.messageLengthMax,
      image_bytes_max: config.imageBytesMax,
      voice_bytes_max: config.voiceBytesMax,
    }),
}

/** The daemon's own address is no good elsewhere: 127.0.0.1 is another machine there. */
async function websocketUrl(
  chat: Chat,
  request: IncomingMessage,
  { publicWsUrl, wsPort }: ClientConfig,
): Promise<string> {
  if (publicWsUrl !== '') return publicWsUrl
  const daemon = await chat.daemons.find(hostname())
  const url = new URL(daemon?.address ?? `ws://localhost:${wsPort}`)
  const host = `http://${request.headers.host ?? ''}`
  url.hostname = URL.canParse(host) ? new URL(host).hostname : 'localhost'
  return url.href.replace(/\/$/, '')
}
