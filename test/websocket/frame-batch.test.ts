import { expect, test } from 'vitest'
import { FrameBatch } from '../../src/websocket/frame-batch.ts'

test('whoever may have all frames gets them in one piece, in the order they were added', () => {
  const batch = batchOf({ 3: 'three', 1: 'one', 2: 'two' }, [3, 1, 2])
  expect(pieces(batch, [])).toEqual(['threeonetwo'])
  expect(pieces(batch, [9])).toEqual(['threeonetwo'])
})

test('whoever may not have some gets the stretches in between', () => {
  const batch = batchOf({ 1: 'one', 2: 'two', 3: 'three', 4: 'four' }, [1, 2, 3, 4])
  expect(pieces(batch, [1])).toEqual(['twothreefour'])
  expect(pieces(batch, [4])).toEqual(['onetwothree'])
  expect(pieces(batch, [2])).toEqual(['one', 'threefour'])
  // In whichever order they are named, neighbours or not.
  expect(pieces(batch, [4, 2])).toEqual(['one', 'three'])
  expect(pieces(batch, [3, 2])).toEqual(['one', 'four'])
  expect(pieces(batch, [2, 9, 2])).toEqual(['one', 'threefour'])
  expect(pieces(batch, [4, 3, 2, 1])).toEqual([])
})

test('all sockets share one piece of memory', () => {
  const batch = batchOf({ 1: 'one', 2: 'two' }, [1, 2])
  const [whole] = [...batch.without([])]
  const [part] = [...batch.without([1])]
  expect(part?.buffer).toBe(whole?.buffer)
  expect([...batch.without([])][0]?.byteOffset).toBe(whole?.byteOffset)
})

test('a frame that is added later, or again, counts', () => {
  const batch = batchOf({ 1: 'one' }, [1])
  expect(pieces(batch, [])).toEqual(['one'])
  batch.add(2, Buffer.from('two'))
  expect(pieces(batch, [])).toEqual(['onetwo'])
  batch.add(1, Buffer.from('eins'))
  expect(pieces(batch, [])).toEqual(['einstwo'])
  expect([batch.size, batch.bytes, [...batch.keys()]]).toEqual([2, 7, [1, 2]])
  expect(batch.get(2).toString()).toBe('two')
})

test('an empty batch, or a frame that is not there, is nothing', () => {
  const batch = new FrameBatch()
  expect(pieces(batch, [])).toEqual([])
  expect(pieces(batch, [1])).toEqual([])
  expect([batch.size, batch.bytes, batch.get(1).length]).toEqual([0, 0, 0])
})

function batchOf(texts: Record<number, string>, order: number[]): FrameBatch {
  const batch = new FrameBatch()
  for (const key of order) batch.add(key, Buffer.from(texts[key] ?? ''))
  return batch
}

function pieces(batch: FrameBatch, except: number[]): string[] {
  return [...batch.without(except)].map(String)
}
