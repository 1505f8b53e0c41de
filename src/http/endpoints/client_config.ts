import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'
import { websocketUrl } from '../websocket-url.ts'

/** GET /client_config.json: the URL of the socket, the kind of login, and the limits for a page. */
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
