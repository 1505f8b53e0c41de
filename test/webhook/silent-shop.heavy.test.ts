import { expect, test } from 'vitest'
import { POST_TIMEOUT_MS } from '../../src/webhook/shop.ts'
import { send } from '../store/opened-store.ts'
import { waitFor } from '../support/wait.ts'
import { DUE_MS, openPoster } from './open-poster.ts'

test('an application that says nothing is given up on in time, and asked again', async () => {
  const { chat, shop, clock, lines } = await openPoster()
  shop.answer = () => 'nothing'
  await send(chat, 1, 2)
  const startedAt = performance.now()
  clock.advance(DUE_MS)
  await waitFor(() => lines.length > 0, 'the timeout')
  expect(performance.now() - startedAt).toBeGreaterThan(POST_TIMEOUT_MS - 100)
  expect(lines[0]).toContain('did not answer (The operation was aborted due to timeout)')
  shop.answer = () => ({ status: 200 })
  const catchUp = () => {
    clock.advance(5_000)
    return shop.taken.length === 1
  }
  await waitFor(catchUp, 'the push')
  expect(new Set(shop.received.map(({ id }) => id)).size).toBe(1)
})
