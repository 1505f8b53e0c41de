import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../support/wait.ts'
import type { Fault } from '../fault.ts'
import { fillDisk } from '../small-disk.ts'

const DISK_BYTES = 128 * 1024 * 1024
const FULL_MS = 8_000
const BEFORE_MS = 500

/** Texts and files are refused and leave nothing behind; whoever is connected stays so. */
export const fault: Fault = {
  name: 'disk full, then room again',
  diskBytes: DISK_BYTES,
  load: { files: 0.3 },
  expectSaid: {
    log: [
      /POST \/send_chat_message.php is answered 503: The server has no room/,
      /POST \/send_chat_message.php is answered again/,
    ],
    health: [/^503 .*The server has no room/],
    status: [/"health":"The server has no room/],
  },
  async run({ service, auditor, scaled }) {
    const connects = auditor.connectCount
    await delay(BEFORE_MS)
    const empty = fillDisk(service.folder)
    await waitFor(() => auditor.isRefused, 'a send to be refused')
    await service.status('chat-api')
    await delay(scaled(FULL_MS))
    empty()
    if (auditor.connectCount !== connects) throw new Error('sockets did not stay')
  },
}
