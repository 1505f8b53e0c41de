import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DiskStore } from '../../src/media/disk.ts'
import { Uploads } from '../../src/media/uploads.ts'
import { post } from '../support/clients.ts'
import { filesBelow, temporaryFolder } from '../support/folders.ts'
import { multipart } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { jpegOf } from '../support/media.ts'
import { port, TestDatabase } from './open-mysql.ts'

const A_DAY_MS = 24 * 60 * 60 * 1000

/** A network to the database that breaks between COMMIT and its answer, once it is told to. */
class BreakingNetwork {
  isBreaking = false
  #port = 0

  static async open(): Promise<BreakingNetwork> {
    const network = new BreakingNetwork()
    const server = createServer((client) => network.#carry(client)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    network.#port = (server.address() as AddressInfo).port
    onTestFinished(() => void server.close())
    return network
  }

  get port(): number {
    return this.#port
  }

  #carry(client: Socket): void {
    const server = connect(port as number, '127.0.0.1')
    let isCommitting = false
    for (const socket of [client, server]) {
      socket.on('error', () => {})
      socket.on('close', () => [client, server].map((end) => end.destroy()))
    }
    client.on('data', (data) => {
      isCommitting = this.isBreaking && data.includes('INSERT INTO pending_events')
      server.write(data)
    })
    server.on('data', (data) => {
      if (!isCommitting) return client.write(data)
      this.isBreaking = false
      return client.destroy()
    })
  }
}

/** An API on a database behind such a network. */
async function start() {
  const database = new TestDatabase()
  const network = await BreakingNetwork.open()
  const folder = temporaryFolder()
  const name = database.address.database
  const CHAT_DATABASE = `mysql://root@127.0.0.1:${network.port}/${name}`
  const { url } = await startApi(folder, { CHAT_DATABASE })
  const { store } = await database.open()
  const send = (fields: Record<string, string | Blob> = {}) => {
    const form = multipart({ sender_id: '1', receiver_id: '2', message: 'Hello', ...fields })
    return post(`${url}/send_chat_message.php`, form)
  }
  return { network, send, store, uploadsDir: join(folder, 'uploads') }
}

describe.skipIf(port === undefined)('when the answer to a commit is lost', () => {
  test('a send without a client_message_id is told that it may be stored', async () => {
    const { network, send, store } = await start()
    network.isBreaking = true
    const answer = await send()
    expect(answer.status).toBe(503)
    expect(answer.body.message).toContain('may be stored')
    expect(await store.messages.lastId()).toBe(1)
  })

  test.for([1047, 1180])(
    'a commit in which a node leaves its cluster, with error %i, runs again only where it may',
    async (errno) => {
      const database = new TestDatabase()
      const { store } = await database.open()
      const other = await database.connect()
      // What is written into memory stays, whatever becomes of the transaction.
      await other.query(`
        CREATE TABLE tries (number INT) ENGINE = MEMORY;
        CREATE TRIGGER leave_cluster BEFORE INSERT ON pending_events FOR EACH ROW
        BEGIN
          INSERT INTO tries VALUES (1);
          IF (SELECT COUNT(*) FROM tries) < 3 THEN
            SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno};
          END IF;
        END
      `)
      const draft = { senderId: 1, receiverId: 2, message: 'Hello' }
      await expect(store.messages.post(draft)).rejects.toMatchObject({ code: 'uncertain' })
      const [tries] = await other.query('SELECT * FROM tries')
      expect(tries).toHaveLength(1)
      const named = await store.messages.post({ ...draft, clientMessageId: 'a name' })
      expect(named.isNew).toBe(true)
    },
  )

  test('the file of a message stays, whoever is told what of it', async () => {
    const { network, send, store, uploadsDir } = await start()
    const image = () => new Blob([new Uint8Array(jpegOf(2_000))])
    network.isBreaking = true
    expect((await send({ image: image() })).status).toBe(503)
    network.isBreaking = true
    const [named] = await Promise.all([
      send({ image: image(), client_message_id: 'first' }),
      send({ message: 'beside it' }),
    ])
    const again = await send({ image: image(), client_message_id: 'first' })
    expect(again.status).toBe(200)
    if (named?.status === 200) expect(again.body.data).toEqual(named.body.data)

    const isPosted = async (path: string) => (await store.messages.peopleOfMedia(path)).length > 0
    const config = { uploadsDir, imageBytesMax: 0, voiceBytesMax: 0 }
    const uploads = new Uploads(config, new DiskStore(uploadsDir))
    await uploads.sweep(isPosted, Date.now() + A_DAY_MS)
    const files = filesBelow(uploadsDir)
    expect(files).toHaveLength(2)
    for (const path of files) expect(await isPosted(path)).toBe(true)
  })
})
