import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Clock } from '../../src/chat/clock.ts'
import { Wire } from '../../src/chat/wire.ts'
import { DiskStore } from '../../src/media/disk.ts'
import { sourcePath, usualPrefixes } from '../../src/media/source-path.ts'
import { temporaryFolder } from '../support/folders.ts'

const USUAL = usualPrefixes('https://shop.example')

test.for([
  ['https://shop.example/uploads/chat/images/a.jpg', 'chat/images/a.jpg'],
  ['https://shop.example/uploads/chat/a%20b%23.jpg', 'chat/a b#.jpg'],
  ['/uploads/chat/a%20b.jpg', 'chat/a%20b.jpg'],
  ['uploads/a.jpg', 'a.jpg'],
  ['chat/voice/ü.ogg', 'chat/voice/ü.ogg'],
  [`${'x'.repeat(251)}.jpg`, `${'x'.repeat(251)}.jpg`],
] as const)('%s is %s below the uploads folder', ([given, path]) => {
  expect(sourcePath(given, USUAL)).toBe(path)
})

test.for([
  'https://other.example/uploads/a.jpg',
  'https://shop.example/uploads/%2e%2e/a.jpg',
  'https://shop.example/uploads/%zz.jpg',
  '/etc/passwd',
  'uploads/../a.jpg',
  'uploads/.incoming/a',
  'uploads//a.jpg',
  'uploads/',
  'a\\b.jpg',
  'a\nb.jpg',
  `${'x'.repeat(252)}.jpg`,
])('%s is not below it', (given) => {
  expect(() => sourcePath(given, USUAL)).toThrow('its file is not below the uploads folder')
})

test('a prefix of the shop stands alone', () => {
  expect(sourcePath('/srv/files/a.jpg', ['/srv/files/'])).toBe('a.jpg')
  expect(() => sourcePath('uploads/a.jpg', ['/srv/files/'])).toThrow()
})

test('a file that is served has a size, and any other has none', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'a.jpg'), '12345')
  symlinkSync(join(folder, 'a.jpg'), join(folder, 'link.jpg'))
  const store = new DiskStore(folder)
  expect(await store.sizeOf('a.jpg')).toBe(5)
  for (const path of ['b.jpg', 'link.jpg', '.', 'a.jpg/b']) {
    expect(await store.sizeOf(path)).toBeUndefined()
  }
})

test('the name of a file is escaped in its URL, as it may be of another program', () => {
  const sender = { userId: 1, username: '', name: '', profileUrl: '' }
  const message = {
    ...{ messageId: 1, conversationId: 1, sender, receiverId: 2, messageType: 'image' as const },
    ...{ message: '', mediaPath: 'chat/a b#ü.jpg', mediaDuration: null, fileSize: 1 },
    ...{ clientMessageId: null, readAt: null, createdAt: '2026-01-23 20:30:45' },
  }
  expect(new Wire('https://shop.example', new Clock()).message(message)).toMatchObject({
    media_url: 'https://shop.example/uploads/chat/a%20b%23%C3%BC.jpg',
  })
})
