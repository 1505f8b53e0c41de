/** A running chat that the bench drives: ours, or one that a user would pick instead. */
export interface Peer {
  name: 'chat' | 'chat on MariaDB' | 'floor' | 'socket.io' | 'php'
  /** http://127.0.0.1:PORT */
  apiUrl: string
  /** ws://127.0.0.1:PORT/… of each daemon, to which a client adds user_id=N in the query. */
  socketUrls: string[]
  /** What its sockets speak: the documented frames as they are, or inside Socket.IO's packets. */
  protocol: 'plain' | 'socket.io'
  /** All server processes that do its work: for readings of CPU time and memory. */
  pids: number[]
  stop(): Promise<void>
}

/**
 * Starts a peer that keeps everything it has in `folder`. Rejects with a one-line reason where it
 * cannot run.
 */
export type StartPeer = (folder: string) => Promise<Peer>

/** What every peer refuses alike. */
export const MESSAGE_LENGTH_MAX = 5000
