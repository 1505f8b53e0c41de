import { expect, test } from 'vitest'
import { checkBucket } from '../../src/cli/checks/bucket.ts'
import { readConfig } from '../../src/config/config.ts'
import { openBucket } from '../support/s3/bucket.ts'

test('a bucket that can be written to is fine, and nothing is left in it', async () => {
  const bucket = await openBucket()
  expect(await checkBucket(readConfig(bucket.settings))).toEqual({
    check: 'bucket',
    level: 'ok',
    message: 'chat can be written to',
  })
  expect(bucket.proxy.asked).toEqual(['GET', 'PUT .incoming/doctor', 'DELETE .incoming/doctor'])
  expect(await bucket.keys()).toEqual([])
})

test('a bucket that may be read, but not written to, is an error', async () => {
  const bucket = await openBucket()
  const refusal = { status: 403, code: 'AccessDenied' }
  bucket.proxy.harm = (asked) => (asked.startsWith('PUT') ? { refusal } : undefined)
  const { level, message } = await checkBucket(readConfig(bucket.settings))
  expect(level).toBe('error')
  expect(message).toMatch(/lack rights \(403 AccessDenied\)\. Give them .*s3:PutObject/)
})

test('where media is kept in a folder, there is no bucket to check', async () => {
  expect(await checkBucket(readConfig({}))).toMatchObject({ level: 'ok' })
})
