import { Server, type Socket } from 'socket.io'
import { integerFrom } from '../../../src/chat/integers.ts'
import { greeting, MemoryChat } from './memory-chat.ts'

/** The same chat with Socket.IO's sockets: a room for each user, as its documentation advises. */

const chat = new MemoryChat(deliver)
const io = new Server(chat.server, { transports: ['websocket'], serveClient: false })
io.on('connection', ioOnConnection)
await chat.listen()

function deliver(event: string, userId: number | null, data: object): void {
  if (userId === null) io.emit(event, data)
  else io.to(roomOf(userId)).emit(event, data)
}

function ioOnConnection(socket: Socket): void {
  const userId = integerFrom(socket.handshake.query.user_id)
  if (userId === undefined || userId === 0) {
    socket.disconnect(true)
    return
  }
  socket.join(roomOf(userId))
  socket.emit('chat:connected', greeting(userId, io.engine.clientsCount))
}

function roomOf(userId: number): string {
  return `user:${userId}`
}
