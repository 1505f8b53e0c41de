/** Who is signed in. */
export interface Session {
  userId: number
  name: string
  /** Of CHAT_AUTH=jwt. */
  token?: string
}

const KEY = 'chat.session'

/** A token is forgotten with the tab, so that others who use this browser do not find it. */
function storeOf(session: Session): Storage {
  return session.token === undefined ? localStorage : sessionStorage
}

export function loadSession(): Session | undefined {
  const stored = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY)
  return stored === null ? undefined : JSON.parse(stored)
}

export function saveSession(session: Session): void {
  storeOf(session).setItem(KEY, JSON.stringify(session))
}

export function forgetSession(): void {
  sessionStorage.removeItem(KEY)
  localStorage.removeItem(KEY)
}

/** Calls back when the user signs out in another tab. Each tab has its own token. */
export function onSignedOutElsewhere(callback: () => void): void {
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key === KEY && newValue === null) callback()
  })
}
