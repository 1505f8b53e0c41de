import { logLimits } from './log-lines.ts'
import { loginLimits } from './logins.ts'
import { requestLimits } from './requests.ts'
import { socketLimits } from './sockets.ts'
import { uploadLimits } from './uploads.ts'

/**
 * Every limit that a stranger or a user can run into; the README's table is made of the same rows.
 *
 * By comparison, as they come: Centrifugo 6 takes 64 KB of body and of frame, and disconnects a
 * reader who owes 1 MB; it limits sockets, in all and of a user, where it is told to. Socket.IO 4
 * takes 1 MB of body and of packet, and limits neither sockets nor what their readers owe.
 */
export const limits = {
  ...requestLimits,
  ...uploadLimits,
  ...loginLimits,
  ...socketLimits,
  ...logLimits,
}
