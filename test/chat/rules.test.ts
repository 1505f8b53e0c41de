import { expect, test } from 'vitest'
import { openChat } from '../support/open-chat.ts'

test.for([
  ['control characters', 'A\u0000d\u0007a\u001b[2J\u007f\u0085\n\tL.', 'Ada[2JL.'],
  ['what turns text around', '\u202eadA\u202c \u2066L\u2069\u200e\u200f\u061c.', 'adA L.'],
  ['line and paragraph separators', 'Ada\u2028L\u2029.', 'AdaL.'],
  ['what nobody sees', '\ufeffA\u200bd\u2060a\u00ad\u2064', 'Ada'],
  ['half characters', 'Ada\ud83d', 'Ada'],
  ['what is left at the ends', ' \u202e Ada \u0000 ', 'Ada'],
] as const)('%s never enter a name', async ([, given, kept]) => {
  const { chat } = await openChat()

  await chat.users.saveProfile(1, { username: given, name: given })

  expect(await chat.users.find(1)).toMatchObject({ username: kept, name: kept })
})

test('names that need joiners, marks or accents stay as they are written', async () => {
  const { chat } = await openChat()
  const names = ['می‌خواهم', 'क्‍ष', '👩‍👩‍👧', '👍🏽', 'Zoë', 'Zoe\u0308', '李 明', 'עדה', 'O’Brien']
  for (const name of names) {
    await chat.users.saveProfile(1, { name })
    expect((await chat.users.find(1))?.name).toBe(name)
  }
})

test('a name of which nothing is left is none: the one from before stays', async () => {
  const { chat } = await openChat()
  await chat.users.saveProfile(1, { username: 'ada', name: 'Ada' })

  await chat.users.saveProfile(1, { username: '\u202e', name: ' \u0007 ' })

  expect(await chat.users.find(1)).toMatchObject({ username: 'ada', name: 'Ada' })
})

test.for([
  ['https://shop.example/a.jpg?v=1', 'https://shop.example/a.jpg?v=1'],
  ['HTTP://shop.example/a b.jpg', 'http://shop.example/a%20b.jpg'],
  ['https://shop.example/x/../a.jpg', 'https://shop.example/a.jpg'],
  ['/uploads/profiles/1.jpg', '/uploads/profiles/1.jpg'],
  ['/uploads/profiles/1.jpg?v=2#top', '/uploads/profiles/1.jpg?v=2'],
  ['uploads/profiles/1.jpg', '/uploads/profiles/1.jpg'],
  ['./uploads/1.jpg', '/uploads/1.jpg'],
  ['\\uploads\\1.jpg', '/uploads/1.jpg'],
  ['/uploads/a/../1.jpg', '/uploads/1.jpg'],
  ['/uploads/a/%2e%2E/1.jpg', '/uploads/1.jpg'],
  ['/uploads/صورة.jpg', '/uploads/%D8%B5%D9%88%D8%B1%D8%A9.jpg'],
])('the profile_url %s is kept as %s', async ([given, kept]) => {
  const { chat } = await openChat()

  await chat.users.saveProfile(1, { profileUrl: given as string })

  expect((await chat.users.find(1))?.profileUrl).toBe(kept)
})

test.for([
  'javascript:alert(1)',
  'data:text/html,x',
  'file:///uploads/passwd',
  'ftp://shop.example/uploads/a.jpg',
  '//evil.example/uploads/a.jpg',
  '\\\\evil.example/uploads/a.jpg',
  '/\\evil.example/uploads/a.jpg',
  '/\t/evil.example/uploads/a.jpg',
  '/logout',
  'logout?/uploads/',
  '/uploads',
  '/uploads/',
  '/uploads/..',
  '/uploads/../logout',
  '/uploads/%2e%2e/logout',
  '/uploads/.%2E/logout',
  '/uploads/..\\logout',
  '/uploads/..%2flogout',
  '/uploads/..%5Clogout',
  '/uploads/%252e%252e/logout',
  '/uploads/a%00.jpg',
  '/Uploads/a.jpg',
  'https://',
])('the profile_url %s is dropped, and nobody is refused for it', async (given) => {
  const { chat } = await openChat()

  await chat.users.saveProfile(1, { name: 'Ada', profileUrl: given })

  expect(await chat.users.find(1)).toMatchObject({ name: 'Ada', profileUrl: '' })
})

test('a profile_url is dropped that is longer than 2,000 characters, or would be once it is resolved', async () => {
  const { chat } = await openChat()
  const start = 'https://shop.example/'
  const longest = `${start}${'x'.repeat(2_000 - start.length)}`

  for (const given of [`${longest}x`, `/uploads/${'ä'.repeat(500)}`]) {
    await chat.users.saveProfile(1, { profileUrl: given })
    expect((await chat.users.find(1))?.profileUrl).toBe('')
  }
  await chat.users.saveProfile(1, { profileUrl: longest })
  expect((await chat.users.find(1))?.profileUrl).toBe(longest)
})

test('a path below /uploads/ is shown below CHAT_PUBLIC_URL; one that the shop wrote, as it is', async () => {
  const { chat, beside } = await openChat({ publicUrl: 'https://shop.example' })
  const shown = async () => chat.wire.user((await chat.users.find(1)) as never)

  await chat.users.saveProfile(1, { profileUrl: '/uploads/x/../1.jpg' })
  expect(await shown()).toMatchObject({ profile_url: 'https://shop.example/uploads/1.jpg' })

  beside.exec(`UPDATE users SET profile_url = '/avatars/../1.jpg'`)
  expect(await shown()).toMatchObject({ profile_url: 'https://shop.example/avatars/../1.jpg' })
})
