import { onTestFinished } from 'vitest'
import { openApi } from '../../src/cli/open-api.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/log.ts'
import { environment } from './running-program.ts'

/**
 * The API in this process, for a folder of pages that the program does not let one choose; its database
 * lies in `folder`. Returns its URL.
 */
export async function serve(
  folder: string,
  { pagesDir, uploadsDir }: { pagesDir: string; uploadsDir: string },
): Promise<string> {
  const config = readConfig(environment(folder, { CHAT_UPLOADS_DIR: uploadsDir }))
  const api = await openApi(
    config,
    createLog('text', () => {}),
    pagesDir,
  )
  onTestFinished(() => api.stop(false))
  return `http://127.0.0.1:${api.port}`
}
