import { expect, onTestFinished, test } from 'vitest'
import { Staging } from '../../src/sqlite/staging.ts'
import { range } from './opened-store.ts'

function open(): Staging {
  const staging = new Staging()
  onTestFinished(() => staging.close())
  return staging
}

test('rows come back in the order of their keys, however many they are', () => {
  const staging = open()
  for (const key of range(2_500).reverse()) staging.add('messages', key, { key })
  for (const key of ['9 1', '10 1', '1 2']) staging.add('blocks', key, key)
  expect([...staging.rows('messages')]).toEqual(range(2_500).map((key) => ({ key })))
  expect([...staging.rows('blocks')]).toEqual(['1 2', '10 1', '9 1'])
  expect([...staging.rows('users')]).toEqual([])
})

test('a key is taken once, until its message is removed', () => {
  const staging = open()
  expect(staging.add('messages', 7, 'first')).toBe(true)
  expect(staging.add('messages', 7, 'second')).toBe(false)
  expect(staging.add('users', 7, 'another kind')).toBe(true)
  expect([...staging.rows('messages')]).toEqual(['first'])
  staging.removeMessage(7)
  staging.removeMessage(8)
  expect(staging.count('messages')).toBe(0)
  expect(staging.add('messages', 7, 'third')).toBe(true)
  expect(staging.count('messages')).toBe(1)
})
