/** What the document says one should see, word for word. */
export function daemonLines(port: number | string, pollIntervalMs = 10): string[] {
  return [
    'Starting Chat WebSocket Server...',
    'Database connection established',
    'Chat WebSocket Server Started',
    `Listening on port ${port}`,
    `Event loop connected - Direct event polling enabled (every ${pollIntervalMs}ms)`,
    `Chat WebSocket Server running on port ${port}`,
    `Use ws://localhost:${port} for connections`,
    'Direct broadcast via: chat_websocket_broadcast.php',
  ]
}

export function apiLines(port: number | string): string[] {
  return [
    'Starting Chat API...',
    'Database connection established',
    `Chat API running on http://127.0.0.1:${port}`,
  ]
}

export function linesOf(output: string): string[] {
  return output.split('\n').filter(Boolean)
}
