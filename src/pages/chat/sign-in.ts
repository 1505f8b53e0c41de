import { whoAmI } from '../../client/chat-client.ts'
import { reasonOf } from '../../client/reason.ts'
import { part, setText } from '../dom.ts'
import type { Session } from './session.ts'
import type { Settings } from './settings.ts'

/** Asks for a name, a token or a login, as CHAT_AUTH is; resolves when the user is known. */
export function signIn(settings: Settings): Promise<Session> {
  const form = part<HTMLFormElement>('sign-in-form')
  part('sign-in').hidden = false
  part('sign-in-name').hidden = settings.auth !== 'none'
  part('sign-in-token').hidden = settings.auth !== 'jwt'
  part('sign-in-cookie').hidden = settings.auth !== 'callback'
  form.querySelector<HTMLElement>('fieldset:not([hidden]) :is(input, textarea)')?.focus()
  return new Promise((resolve) => {
    const attempt = async () => {
      const session = await readSession(settings)
      if (session === undefined) return
      part('sign-in').hidden = true
      form.removeEventListener('submit', formOnSubmit)
      resolve(session)
    }
    const formOnSubmit = (event: SubmitEvent) => {
      event.preventDefault()
      attempt()
    }
    form.addEventListener('submit', formOnSubmit)
    if (settings.auth === 'callback') attempt()
  })
}

async function readSession(settings: Settings): Promise<Session | undefined> {
  setText(part('sign-in-error'), '')
  try {
    return settings.auth === 'none' ? readName() : await readProof(settings)
  } catch (error) {
    setText(part('sign-in-error'), reasonOf(error))
    return undefined
  }
}

function readName(): Session {
  const userId = readUserId(part<HTMLInputElement>('sign-in-user-id'))
  return { userId, name: part<HTMLInputElement>('sign-in-user-name').value.trim() }
}

async function readProof(settings: Settings): Promise<Session> {
  if (settings.auth === 'callback') {
    return { userId: await whoAmI(settings.websocket_url), name: '' }
  }
  const token = part<HTMLTextAreaElement>('sign-in-token-text').value.trim()
  if (token === '') throw new Error('Paste a token first.')
  return { userId: await whoAmI(settings.websocket_url, token), name: '', token }
}

/** @throws Error with words for the user */
export function readUserId(input: HTMLInputElement): number {
  const text = input.value.trim()
  const userId = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (userId > 0) return userId
  input.focus()
  throw new Error('A user ID is a number, such as 1928800.')
}
