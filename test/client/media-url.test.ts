import { expect, test } from 'vitest'
import { urlBelow } from '../../src/client/media-url.ts'

test('a file of the chat is asked for at the server that the page knows', () => {
  const files = [
    ['http://localhost:8080/uploads/chat/images/a.jpg', './uploads/chat/images/a.jpg'],
    ['https://shop.example/chat/uploads/profiles/1.jpg?v=2', './uploads/profiles/1.jpg?v=2'],
  ] as const
  for (const [url, expected] of files) expect(urlBelow('.', url)).toBe(expected)
})

test('nothing else of that server is asked for, whatever somebody says their picture is', () => {
  const urls = [
    '',
    'https://evil.example/a.jpg',
    'https://evil.example/?/uploads/../logout',
    'https://evil.example/#/uploads/../logout',
    'https://evil.example/uploads/../logout',
    'https://evil.example/uploads/%2E./logout',
    'https://evil.example/uploads/..%2flogout',
    'https://evil.example/uploads/..%5clogout',
    'https://evil.example/uploads/\\..\\logout',
    'https://evil.example/uploads/.\t./logout',
  ]
  for (const url of urls) expect([url, urlBelow('.', url)]).toEqual([url, undefined])
})
