import type { Random } from '../../faults/random.ts'
import type { Attack } from '../attack.ts'
import { head } from '../request.ts'

const REQUESTS_MAX = 30

/** Request targets that are no path, or lead somewhere else. */
export const attack: Attack = {
  name: 'odd request targets',
  async run(target, random) {
    const requests = random.integer(1, REQUESTS_MAX)
    for (let count = 0; count < requests; count += 1) {
      const wire = random.next() < 0.7 ? await target.openApi() : await target.openDaemon()
      await wire.ask(head('GET', composeTarget(random), target.headers), 1_000)
      wire.hangUp()
    }
  },
}

function composeTarget(random: Random): string {
  const many = (text: string, max: number) => text.repeat(random.integer(1, max))
  return random.pick([
    'http://evil.example/health',
    'http://[::1',
    'evil.example:443',
    '*',
    '//',
    many('/', 8_000),
    `/${many('../', 2_000)}etc/passwd`,
    `/uploads/${many('%2e%2e%2f', 500)}chat.db`,
    `/${many('a', 12_000)}`,
    `/${many('%00', 500)}`,
    `/${many('%', 500)}`,
    `/${String.fromCharCode(random.integer(128, 255))}`,
    '/uploads/.incoming/',
    '/uploads/chat/images/../../../chat.db',
    `/get_conversations.php?${many('user_id=1&', 1_000)}`,
    `/get_conversations.php?${many('a[b]=1&', 1_000)}`,
    `/get_conversation_messages.php?user_id=1&other_user_id=2&limit=${many('9', 400)}`,
    `/get_conversations.php?user_id=1&offset=${random.integer(0, 2 ** 31)}`,
    '/health#x',
    '/health?x HTTP/1.1\r\nX: ',
  ])
}
