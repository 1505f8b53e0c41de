import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { CREDENTIALS, createBucket, wayTo } from '../support/s3/bucket.ts'
import { startSwift, whyNoSwift } from '../support/s3/swift.ts'
import { testFailing } from './failing.ts'
import { testServing } from './serving.ts'

const problem = whyNoSwift()
if (problem !== undefined && process.env.CHAT_REQUIRE_SWIFT === '1') throw new Error(problem)
if (problem !== undefined) {
  console.log(`The tests on Swift are skipped: ${problem} (apt-get install python3-swift)`)
}

describe.skipIf(problem !== undefined)('on OpenStack Swift', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-swift-'))
  let swift: Awaited<ReturnType<typeof startSwift>>
  let count = 0

  beforeAll(async () => {
    swift = await startSwift(folder, CREDENTIALS)
  })
  afterAll(async () => {
    await swift.process.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const openBucket = async () => {
    count += 1
    await createBucket(swift.url, `chat-${count}`)
    const bucket = await wayTo(swift.url, `chat-${count}`)
    onTestFinished(() => bucket.close())
    return bucket
  }
  testServing(openBucket)
  testFailing(openBucket)
})
