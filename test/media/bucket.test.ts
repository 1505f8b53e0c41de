import { openBucket } from '../support/s3/bucket.ts'
import { testFailing } from './failing.ts'
import { testServing } from './serving.ts'

testServing(openBucket)
testFailing(openBucket)
