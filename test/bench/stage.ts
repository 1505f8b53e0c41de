import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Peer } from './peers/peer.ts'

/** Where one scenario plays: its peers and folders, which are gone when it is over. */
export class Stage {
  readonly #folders: string[] = []
  readonly #peers: Peer[] = []

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'chat-bench-'))
    this.#folders.push(folder)
    return folder
  }

  async start<Started extends Peer>(start: (folder: string) => Promise<Started>): Promise<Started> {
    const peer = await start(this.folder())
    this.#peers.push(peer)
    return peer
  }

  async clear(): Promise<void> {
    await Promise.all(this.#peers.splice(0).map((peer) => peer.stop()))
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  }
}
