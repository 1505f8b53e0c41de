import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'

// ?user_id=1928800&name=John: an application of your own knows who its user is.
const query = new URLSearchParams(location.search)
const userId = Number(query.get('user_id') ?? 1)
const name = query.get('name') ?? ''

const root = createRoot(document.getElementById('root') as HTMLElement)
const response = await fetch('../client_config.json')
const { websocket_url } = (await response.json()).data
root.render(
  <StrictMode>
    <App userId={userId} name={name} websocketUrl={websocket_url} />
  </StrictMode>,
)
