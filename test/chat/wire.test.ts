import { expect, test } from 'vitest'
import { Clock } from '../../src/chat/clock.ts'
import { Wire } from '../../src/chat/wire.ts'

test('a path below /uploads/ is shown below CHAT_PUBLIC_URL; one that the shop wrote, as it is', () => {
  const wire = new Wire('https://shop.example', new Clock())
  const shown = (profileUrl: string) =>
    wire.user({ userId: 1, username: '', name: '', profileUrl }).profile_url
  expect(shown('/uploads/1.jpg')).toBe('https://shop.example/uploads/1.jpg')
  expect(shown('/avatars/../1.jpg')).toBe('https://shop.example/avatars/../1.jpg')
})
