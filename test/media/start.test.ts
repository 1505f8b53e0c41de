import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { runProgram } from '../support/processes.ts'
import { CREDENTIALS, openBucket } from '../support/s3/bucket.ts'

test('chat-api does not start on a bucket that it cannot use, and says why in one line', async () => {
  const { settings } = await openBucket()
  const wrong = `${CREDENTIALS.secretAccessKey}-`
  const given = { ...settings, AWS_SECRET_ACCESS_KEY: wrong }
  const { code, output, errors } = await runProgram('chat-api', ['start'], temporaryFolder(), given)
  expect(code).toBe(1)
  const { CHAT_S3_ENDPOINT: endpoint } = settings
  expect(errors).toBe(
    `chat-api: Media cannot be kept in the bucket chat of ${endpoint}: the credentials are not ` +
      'accepted (403 SignatureDoesNotMatch). See AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and ' +
      'AWS_SESSION_TOKEN.\n',
  )
  expect(output).not.toContain(CREDENTIALS.secretAccessKey)
})

test('credentials have no flag', async () => {
  const { output } = await runProgram('chat-api', ['start', '--help'], temporaryFolder())
  expect(output).toContain('--s3-bucket')
  expect(output).not.toMatch(/aws|access-key|session-token/i)
})
