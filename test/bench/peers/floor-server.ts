import type { IncomingMessage } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { integerFrom } from '../../../src/chat/integers.ts'
import { greeting, MemoryChat } from './memory-chat.ts'

/** The least that a chat on Node.js can do: node:http, ws and a Map of sockets. */

const socketsOfUsers = new Map<number, Set<WebSocket>>()

const chat = new MemoryChat(deliver)
const sockets = new WebSocketServer({ server: chat.server, perMessageDeflate: false })
sockets.on('connection', socketsOnConnection)
await chat.listen()

function deliver(event: string, userId: number | null, data: object): void {
  const receivers = userId === null ? sockets.clients : socketsOfUsers.get(userId)
  if (receivers === undefined) return
  const frame = JSON.stringify({ event, data })
  for (const socket of receivers) socket.send(frame)
}

function socketsOnConnection(socket: WebSocket, request: IncomingMessage): void {
  socket.on('error', console.error)
  const userId = integerFrom(
    new URL(request.url ?? '', 'ws://localhost').searchParams.get('user_id'),
  )
  if (userId === undefined || userId === 0) {
    socket.close(4400, 'user_id must be a positive integer')
    return
  }
  register(socket, userId)
  const data = greeting(userId, socketsOfUsers.size)
  socket.send(JSON.stringify({ event: 'chat:connected', data }))
}

function register(socket: WebSocket, userId: number): void {
  const siblings = socketsOfUsers.get(userId) ?? new Set()
  socketsOfUsers.set(userId, siblings.add(socket))
  socket.on('close', () => {
    siblings.delete(socket)
    if (siblings.size === 0) socketsOfUsers.delete(userId)
  })
}
