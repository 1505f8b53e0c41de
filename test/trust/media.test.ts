import { expect, test } from 'vitest'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { post } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { multipart } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { picture } from '../support/media.ts'
import { runProgram } from '../support/processes.ts'
import { exchange } from '../support/raw-http.ts'

const PRIVATE = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET, CHAT_MEDIA_AUTH: 'on' }

function tokenOf(userId: number): string {
  return signedWithSecret(claimsOf(userId))
}

/** 5 sends 6 a picture; returns its path. */
async function sendPicture(apiUrl: string): Promise<string> {
  const form = multipart({ sender_id: 5, receiver_id: 6, image: picture() })
  const headers = { authorization: `Bearer ${tokenOf(5)}` }
  const { body } = await post(`${apiUrl}/send_chat_message.php`, form, headers)
  return new URL(body.data.media_url).pathname
}

/** GETs a path as it stands. */
async function statusOf(apiUrl: string, path: string, token = ''): Promise<number> {
  const authorization = token === '' ? '' : `Authorization: Bearer ${token}\r\n`
  const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${authorization}Connection: close\r\n\r\n`
  return (await exchange(apiUrl, head)).status
}

/** Other ways to write the path of a picture: none may open what the plain one does not. */
function spellings(path: string): string[] {
  const file = path.slice('/uploads/chat/images/'.length)
  const encoded = [...file].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')
  return [
    `//uploads/chat/images/${file}`,
    `/./uploads/chat/images/${file}`,
    `/x/../uploads/chat/images/${file}`,
    `/%75ploads/chat/images/${file}`,
    `/uploads//chat/images/${file}`,
    `/uploads/./chat/images/${file}`,
    `/uploads/%2e/chat/images/${file}`,
    `/uploads/x/../chat/images/${file}`,
    `/uploads/x/%2e%2e/chat/images/${file}`,
    `/uploads/%63hat/images/${file}`,
    `/uploads/chat%2Fimages%2F${file}`,
    `/uploads/%2Fchat/images/${file}`,
    `/uploads/chat%2f%2e%2fimages/${file}`,
    `/uploads/chat//images//${file}`,
    `/uploads/chat/images/./${file}`,
    `/uploads/chat/images/${encoded}`,
    `/uploads/chat/images/${file}/`,
    `/uploads/chat/images/${file}%00`,
    `/uploads/chat/images/${file}?x=1`,
    `/uploads/Chat/images/${file}`,
    `/uploads/CHAT/IMAGES/${file}`,
    `/UPLOADS/chat/images/${file}`,
    `/uploads/%2563hat/images/${file}`,
    `/uploads/chat%5Cimages%5C${file}`,
    `/uploads/\\chat/images/${file}`,
    `/uploads/%/chat/images/${file}`,
    `http://localhost/uploads/chat/images/${file}`,
  ]
}

test('only the two people of a conversation fetch its media', async () => {
  const { url } = await startApi(temporaryFolder(), PRIVATE)
  const path = await sendPicture(url)

  expect(await statusOf(url, path, tokenOf(5))).toBe(200)
  expect(await statusOf(url, path, tokenOf(6))).toBe(200)
  expect(await statusOf(url, path, tokenOf(7))).toBe(403)
  expect(await statusOf(url, path, 'bad')).toBe(401)
  expect(await statusOf(url, path)).toBe(401)
  // An <img> has no headers to put it in.
  expect(await statusOf(url, `${path}?token=${tokenOf(6)}`)).toBe(200)
  expect(await statusOf(url, `${path}?token=${tokenOf(7)}`)).toBe(403)
})

test('what is not there is not told from what is not yours', async () => {
  const { url } = await startApi(temporaryFolder(), PRIVATE)
  await sendPicture(url)
  const missing = `/uploads/chat/images/${'0'.repeat(32)}.png`
  expect(await statusOf(url, missing, tokenOf(7))).toBe(403)
})

test('however a path is written, it opens to no stranger what its plain spelling does not', async () => {
  const { url } = await startApi(temporaryFolder(), PRIVATE)
  const path = await sendPicture(url)
  for (const spelling of spellings(path)) {
    expect([spelling, await statusOf(url, spelling)]).toEqual([
      spelling,
      expect.toSatisfy(isRefusal),
    ])
    const asStranger = await statusOf(url, spelling, tokenOf(7))
    expect([spelling, asStranger]).toEqual([spelling, expect.toSatisfy(isRefusal)])
  }
  expect(await statusOf(url, path, tokenOf(6))).toBe(200)
})

test('private media is kept by the browser of its reader, and by no cache between', async () => {
  const { url } = await startApi(temporaryFolder(), PRIVATE)
  const path = await sendPicture(url)
  const headers = { authorization: `Bearer ${tokenOf(6)}` }
  const response = await fetch(url + path, { headers })
  expect(response.headers.get('cache-control')).toBe('private, max-age=31536000, immutable')
  expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  const refused = await fetch(url + path)
  expect(refused.headers.get('cache-control')).toBe('no-store')
})

test('unless told otherwise media is for whoever knows its address', async () => {
  const { url } = await startApi(temporaryFolder(), { ...PRIVATE, CHAT_MEDIA_AUTH: 'off' })
  const path = await sendPicture(url)
  const response = await fetch(url + path)
  expect(response.status).toBe(200)
  expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect(path).toMatch(/^\/uploads\/chat\/images\/[0-9a-f]{32}\.png$/)
})

test('where nobody proves who they are, media cannot be private: that does not start', async () => {
  const settings = { CHAT_MEDIA_AUTH: 'on' }
  const { code, output } = await runProgram('chat-api', ['start'], temporaryFolder(), settings)
  expect(code).toBe(1)
  expect(output).toBe('chat-api: CHAT_MEDIA_AUTH=on needs CHAT_AUTH=jwt or callback\n')
})

function isRefusal(status: number): boolean {
  return [400, 401, 403, 404].includes(status)
}
