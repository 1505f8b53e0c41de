import type { Config } from '../../config/config.ts'
import { ChatError } from '../../errors.ts'
import { createLog } from '../../log.ts'
import { S3Store } from '../../media/s3.ts'
import { error, type Finding, ok } from './finding.ts'

/** Puts a small object into the bucket, and deletes it. */
export async function checkBucket(config: Config): Promise<Finding> {
  const name = 'bucket'
  if (config.s3Bucket === '') return ok(name, 'none: CHAT_S3_BUCKET is not set')
  try {
    const store = new S3Store(
      config,
      createLog('text', () => {}),
    )
    await store.prepare()
    await store.checkWritable()
    return ok(name, `${config.s3Bucket} can be written to`)
  } catch (cause) {
    if (cause instanceof ChatError) return error(name, cause.message)
    throw cause
  }
}
