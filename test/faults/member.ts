import type { Environment, Program } from '../support/running-program.ts'

/** A process of a service: its second API is 'chat-api-2'. */
export type Member = Program | `${Program}-${number}`

export function programOf(member: Member): Program {
  return member.startsWith('chat-api') ? 'chat-api' : 'chat-websocket'
}

/** Each has its own, and knows the first of the other program. */
export function portSettings(member: Member, ports: Map<Member, number>): Environment {
  const own = { [programOf(member)]: ports.get(member) }
  const port = (program: Program) => String(own[program] ?? ports.get(program))
  return { CHAT_API_PORT: port('chat-api'), CHAT_WS_PORT: port('chat-websocket') }
}

/** Of a daemon, for HTTP. */
export function httpUrl(url: string): string {
  return url.replace('ws:', 'http:')
}
