import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wavOf } from '../../support/media.ts'
import type { Figure } from '../figure.ts'
import type { Peer } from '../peers/peer.ts'
import { alternate } from '../rounds.ts'

const MB = 1024 * 1024
const BYTES = 20 * MB
const ROUNDS = 5

/** The largest voice, sent and answered, against writing the same bytes to the same disk. */
export async function upload(peer: Peer, folder: string): Promise<Figure[]> {
  const recording = wavOf(BYTES)
  const source = join(folder, 'recording.wav')
  writeFileSync(source, recording)
  await send(peer, recording)
  const copy = (script: string) => async () =>
    timed(() => execFileSync('sh', ['-c', script, 'sh', source, `${source}.copy`]))
  const rounds = await alternate(ROUNDS, {
    chat: () => timed(() => send(peer, recording)),
    cat: copy('cat "$1" > "$2"'),
    'cat and sync': copy('cat "$1" > "$2" && sync "$2"'),
  })
  return [{ name: `Upload of ${BYTES / MB} MB`, unit: 'ms', rounds }]
}

async function send(peer: Peer, recording: Buffer): Promise<void> {
  const form = new FormData()
  form.set('sender_id', '1')
  form.set('receiver_id', '2')
  form.set('voice', new Blob([new Uint8Array(recording)]), 'recording.wav')
  const url = `${peer.apiUrl}/send_chat_message.php`
  const response = await fetch(url, { method: 'POST', body: form })
  if (response.status !== 200) throw new Error(`Answered ${response.status}`)
  await response.arrayBuffer()
}

async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
