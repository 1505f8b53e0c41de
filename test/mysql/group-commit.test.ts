import { expect, test } from 'vitest'
import { CommitUnknown } from '../../src/mysql/errors.ts'
import { GroupCommit, type Outcome } from '../../src/mysql/group-commit.ts'

interface Item {
  name: string
  shard?: number
  isIdempotent?: boolean
  length?: number
}

type Run = (names: string[]) => Promise<Outcome<string>[]>

/** A group commit over items, whose batches are what `run` was called with. */
function groupOf(run: Run, heldOf: () => number[] = () => []) {
  const batches: string[][] = []
  const group = new GroupCommit<Item, string>({
    run: async (items) => {
      const names = items.map(({ name }) => name)
      batches.push(names)
      return run(names)
    },
    shardsOf: ({ shard = 0 }) => [shard],
    heldOf: async () => heldOf(),
    isIdempotent: ({ isIdempotent = false }) => isIdempotent,
    lengthOf: ({ length = 1 }) => length,
  })
  const add = (...items: Item[]) => Promise.allSettled(items.map((item) => group.add(item)))
  return { add, batches }
}

const commit: Run = async (names) => names.map((value) => ({ value }))

function errorNamed(code: string): Error {
  return Object.assign(new Error(code), { code })
}

test('what comes in one turn, and while another is under way, shares a transaction', async () => {
  let end = () => {}
  const isFirst = new Promise<void>((resolve) => {
    end = resolve
  })
  const { add, batches } = groupOf(async (names) => {
    if (names.includes('a')) await isFirst
    return commit(names)
  })
  const first = add({ name: 'a' }, { name: 'b' })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  const second = add({ name: 'c' })
  const third = add({ name: 'd' })
  end()
  await Promise.all([first, second, third])
  expect(batches).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('a batch has at most 256 items, and at most 256 K characters unless it is one item', async () => {
  const { add, batches } = groupOf(commit)
  await add(...Array.from({ length: 257 }, (_, index) => ({ name: String(index) })))
  expect(batches.map(({ length }) => length)).toEqual([256, 1])
  batches.length = 0
  const K = 1024
  await add(
    { name: 'a', length: 128 * K },
    { name: 'b', length: 128 * K },
    { name: 'c', length: 1 },
    { name: 'd', length: 300 * K },
  )
  expect(batches).toEqual([['a', 'b'], ['c'], ['d']])
})

test('one that makes its transaction fail fails alone', async () => {
  const { add } = groupOf(async (names) => {
    if (names.includes('bad')) throw errorNamed('ER_DATA_TOO_LONG')
    return commit(names)
  })
  expect(await add({ name: 'a' }, { name: 'bad' }, { name: 'b' })).toMatchObject([
    { value: 'a' },
    { reason: { code: 'ER_DATA_TOO_LONG' } },
    { value: 'b' },
  ])
})

test('a refusal is the answer to one item, and the others are committed', async () => {
  const { add } = groupOf(async (names) =>
    names.map((name) => (name === 'no' ? { refusal: new Error('no') } : { value: name })),
  )
  expect(await add({ name: 'a' }, { name: 'no' })).toMatchObject([
    { value: 'a' },
    { reason: { message: 'no' } },
  ])
})

test('after a commit of unknown outcome only that runs again which may', async () => {
  let runs = 0
  const { add, batches } = groupOf(async (names) => {
    runs += 1
    if (runs === 1) throw new CommitUnknown(errorNamed('ECONNRESET'))
    return commit(names)
  })
  expect(await add({ name: 'a', isIdempotent: true }, { name: 'b' })).toMatchObject([
    { value: 'a' },
    { reason: { code: 'uncertain' } },
  ])
  expect(batches).toEqual([['a', 'b'], ['a']])
})

test('items whose shard is held wait in their order, while the others go on', async () => {
  let isHeld = true
  const { add, batches } = groupOf(
    async (names) => {
      // As the server, which waits for the lock.
      await new Promise(setImmediate)
      if (isHeld && names.some((name) => name.startsWith('held')))
        throw errorNamed('ER_LOCK_WAIT_TIMEOUT')
      return commit(names)
    },
    () => (isHeld ? [7] : []),
  )
  const waiting = add({ name: 'held 1', shard: 7 }, { name: 'held 2', shard: 7 })
  expect(await add({ name: 'free 1' })).toMatchObject([{ value: 'free 1' }])
  const more = add({ name: 'held 3', shard: 7 })
  expect(await add({ name: 'free 2' })).toMatchObject([{ value: 'free 2' }])
  // A transaction that waits would hold its other shards meanwhile.
  expect(batches.filter((names) => names.some((name) => name.startsWith('held')))).toHaveLength(1)
  isHeld = false
  expect(await waiting).toMatchObject([{ value: 'held 1' }, { value: 'held 2' }])
  await more
  const order = batches.flat().filter((name) => name.startsWith('held'))
  expect(order.slice(-3)).toEqual(['held 1', 'held 2', 'held 3'])
  expect(batches.filter((names) => names.includes('free 2'))).toEqual([['free 2']])
})
