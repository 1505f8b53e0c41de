import { forgetUser } from '../chat/forget.ts'
import { createLog } from '../log.ts'
import { emptyWal } from '../sqlite/checkpoint.ts'
import { positiveInteger } from './arguments.ts'
import { openMediaStore } from './open-api.ts'
import { isShared, withChat } from './open-store.ts'
import { configFrom, type Flags } from './program.ts'
import { grouped } from './progress.ts'

/** `chat-api forget <user_id>`, beside the services that run. */
export async function forget(user: string, flags: Flags): Promise<void> {
  const userId = positiveInteger(user, 'user_id')
  const config = configFrom(flags)
  const log = createLog(config.logFormat, (line) => process.stderr.write(line))
  const mediaStore = openMediaStore(config, log)
  const removeFile = (path: string) => mediaStore.remove(path)
  const { messages, files } = await withChat(config, (chat) =>
    forgetUser({ chat, removeFile }, userId),
  )
  // On the disk before it is said.
  if (!isShared(config)) await emptyWal(config.database)
  const counts = `${grouped(messages)} messages and ${grouped(files)} files`
  console.log(`User ${userId} is forgotten: ${counts} are deleted, and the profile is empty`)
}
