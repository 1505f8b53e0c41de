import type { Attack } from '../attack.ts'

const SOCKETS_MAX = 60
const ROUNDS_MAX = 5

/** Connections that are opened and dropped at once, at both doors, and sockets whose user is gone. */
export const attack: Attack = {
  name: 'comings and goings',
  async run(target, random) {
    const open = random.pick([
      () => target.openApi(),
      () => target.openDaemon(),
      () => target.openSocket(),
    ])
    const rounds = random.integer(1, ROUNDS_MAX)
    for (let round = 0; round < rounds; round += 1) {
      const wires = await target.openMany(random.integer(1, SOCKETS_MAX), open)
      for (const wire of wires) wire.hangUp()
    }
  },
}
