import { expect, onTestFinished, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { head } from './request.ts'
import { Wire } from './wire.ts'

const CONNECTIONS_MAX = limits.httpConnectionsPerAddress.max

/** Connects and asks for something small; resolves with the connection, and whether it is served. */
async function connectFrom(localAddress: string, url: string) {
  const statuses: number[] = []
  const onAnswer = (status: number) => void statuses.push(status)
  const wire = await Wire.open(url, { localAddress, onAnswer })
  onTestFinished(() => wire.hangUp())
  await wire.ask(head('GET', '/client_config.json'))
  return { wire, isServed: statuses[0] === 200 && wire.isOpen }
}

test(`an address may hold ${CONNECTIONS_MAX} HTTP connections; one more is dropped, others get in`, async () => {
  const { url } = await startApi(temporaryFolder())
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS_MAX }, () => connectFrom('127.0.0.1', url)),
  )
  expect(connections.filter(({ isServed }) => isServed)).toHaveLength(CONNECTIONS_MAX)

  const oneMore = await connectFrom('127.0.0.1', url)
  expect(oneMore.isServed).toBe(false)
  await waitFor(() => !oneMore.wire.isOpen, 'it to be dropped')
  expect((await connectFrom('127.0.0.2', url)).isServed).toBe(true)

  // All that were there first are served on; whoever leaves makes room for another.
  await connections[0]?.wire.ask(head('GET', '/client_config.json'))
  expect(connections.filter(({ wire }) => wire.isOpen)).toHaveLength(CONNECTIONS_MAX)
  connections[0]?.wire.hangUp()
  const isServedAgain = async () => (await connectFrom('127.0.0.1', url)).isServed
  await waitFor(isServedAgain, 'the place to be free')
})
