import { reasonOf } from '../../client/reason.ts'
import { part, setText } from '../dom.ts'
import { App } from './app.ts'
import { loadSession, saveSession } from './session.ts'
import { loadSettings, type Settings } from './settings.ts'
import { signIn } from './sign-in.ts'

/** How long to wait before asking again for the settings of a server that does not answer, in ms. */
const RETRY_MS = 3_000

const settings = await patiently()
const session = loadSession() ?? (await signIn(settings))
saveSession(session)
new App(session, settings).start()

/** A browser may show a cached page while the server does not answer. */
async function patiently(): Promise<Settings> {
  for (;;) {
    try {
      const loaded = await loadSettings()
      part('unreachable').hidden = true
      return loaded
    } catch (error) {
      part('unreachable').hidden = false
      setText(part('unreachable-reason'), reasonOf(error))
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}
