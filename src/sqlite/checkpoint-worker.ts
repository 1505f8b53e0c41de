/**
 * A thread that checkpoints a database for each message with its path and identity, and answers
 * null or the error. See checkpoint() in checkpoint.ts for why it is a thread.
 */
import { parentPort } from 'node:worker_threads'
import { messageOf } from '../errors.ts'
import { checkpoint } from './checkpoint.ts'

parentPort?.on('message', ({ path, identity }: { path: string; identity?: string }) => {
  try {
    checkpoint(path, identity)
    parentPort?.postMessage(null)
  } catch (error) {
    parentPort?.postMessage(messageOf(error))
  }
})
