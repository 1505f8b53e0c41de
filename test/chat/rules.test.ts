import { expect, test } from 'vitest'
import { presentable } from '../../src/chat/rules.ts'

test.for([
  ['control characters', 'A\u0000d\u0007a\u001b[2J\u007f\u0085\n\tL.', 'Ada[2JL.'],
  ['what turns text around', '\u202eadA\u202c \u2066L\u2069\u200e\u200f\u061c.', 'adA L.'],
  ['line and paragraph separators', 'Ada\u2028L\u2029.', 'AdaL.'],
  ['what nobody sees', '\ufeffA\u200bd\u2060a\u00ad\u2064', 'Ada'],
  ['half characters', 'Ada\ud83d', 'Ada'],
  ['what is left at the ends', ' \u202e Ada \u0000 ', 'Ada'],
] as const)('%s never enter a name', ([, given, kept]) => {
  expect(presentable({ username: given, name: given })).toEqual({ username: kept, name: kept })
})

test('names that need joiners, marks or accents stay as they are written', () => {
  const names = ['می‌خواهم', 'क्‍ष', '👩‍👩‍👧', '👍🏽', 'Zoë', 'Zoe\u0308', '李 明', 'עדה', 'O’Brien']
  for (const name of names) expect(presentable({ name })).toEqual({ name })
})

test('a name of which nothing is left is none', () => {
  expect(presentable({ username: '\u202e', name: ' \u0007 ' })).toEqual({})
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
])('the profile_url %s is kept as %s', ([profileUrl = '', kept]) => {
  expect(presentable({ profileUrl })).toEqual({ profileUrl: kept })
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
])('the profile_url %s is dropped, and nobody is refused for it', (profileUrl) => {
  expect(presentable({ name: 'Ada', profileUrl })).toEqual({ name: 'Ada' })
})

test('a profile_url is dropped that is longer than 2,000 characters, or would be once it is resolved', () => {
  const start = 'https://shop.example/'
  const longest = `${start}${'x'.repeat(2_000 - start.length)}`
  for (const profileUrl of [`${longest}x`, `/uploads/${'ä'.repeat(500)}`]) {
    expect(presentable({ profileUrl })).toEqual({})
  }
  expect(presentable({ profileUrl: longest })).toEqual({ profileUrl: longest })
})
