import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** The settings in a unit, in order: ['UMask', '0077'] for UMask=0077. */
function settingsOf(name: string): [name: string, value: string][] {
  const unit = readFileSync(new URL(`../../bin/${name}.service`, import.meta.url), 'utf8')
  return [...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value])
}

test('the two systemd units differ only in what the programs need', () => {
  const daemon = settingsOf('chat-websocket')
  const differing = settingsOf('chat-api').filter(
    ([name, value], index) => daemon[index]?.join('=') !== `${name}=${value}`,
  )
  expect(differing.map(([name]) => name)).toEqual([
    'Description',
    'ExecStart',
    'LimitNOFILE',
    'MemoryHigh',
    'MemoryMax',
    'ReadWritePaths',
  ])
})

test("each unit starts its own program, whose files are its user's alone", () => {
  for (const name of ['chat-api', 'chat-websocket']) {
    const unit = new Map(settingsOf(name))
    expect(unit.get('ExecStart')).toMatch(
      new RegExp(`^/opt/chat-websocket/bin/${name}\\.js start$`),
    )
    expect(unit.get('UMask')).toBe('0077')
  }
})
