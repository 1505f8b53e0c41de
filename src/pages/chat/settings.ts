/** What the server tells its pages: GET /client_config.json. */
export interface Settings {
  websocket_url: string
  auth: 'none' | 'jwt' | 'callback'
  timezone: string
  message_length_max: number
  image_bytes_max: number
  voice_bytes_max: number
}

/** @throws Error when the chat cannot be reached */
export async function loadSettings(): Promise<Settings> {
  const response = await fetch('client_config.json')
  if (!response.ok) throw new Error(`The chat answered ${response.status}`)
  return (await response.json()).data
}
