import { describe, test } from 'vitest'
import { connections } from './connections.ts'
import { daemons } from './daemons.ts'
import { events } from './events.ts'
import { forgetting } from './forgetting.ts'
import { imports } from './imports.ts'
import { interleavings } from './interleavings.ts'
import { messages } from './messages.ts'
import type { OpenStore } from './opened-store.ts'
import { people } from './people.ts'
import { receipts } from './receipts.ts'
import { recovery } from './recovery.ts'
import { webhooks } from './webhooks.ts'

const PARTS = {
  messages,
  recovery,
  receipts,
  people,
  events,
  forgetting,
  connections,
  daemons,
  imports,
  webhooks,
  interleavings,
}

/** Holds an engine to what src/chat/store.ts promises. A new engine starts here. */
export function storeContract(name: string, open: OpenStore): void {
  for (const [part, promises] of Object.entries(PARTS)) {
    describe(`${name}: ${part}`, () => {
      for (const [sentence, check] of Object.entries(promises)) test(sentence, () => check(open))
    })
  }
}
