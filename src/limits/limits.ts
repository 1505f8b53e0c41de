import { logLimits } from './log-lines.ts'
import { loginLimits } from './logins.ts'
import { requestLimits } from './requests.ts'
import { socketLimits } from './sockets.ts'
import { uploadLimits } from './uploads.ts'

/**
 * Every limit that a stranger or a user can run into; the README's table is made of the same rows.
 *
 * Other servers by default: Centrifugo 6 accepts 64 KB of body and of frame, and disconnects a slow
 * consumer at 1 MB; it limits sockets, in all and of a user, where it is configured. Socket.IO 4
 * accepts 1 MB of body and of packet, and limits neither sockets nor their buffers.
 */
export const limits = {
  ...requestLimits,
  ...uploadLimits,
  ...loginLimits,
  ...socketLimits,
  ...logLimits,
}
