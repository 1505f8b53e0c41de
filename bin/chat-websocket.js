#!/bin/sh
':' //; exec node --max-semi-space-size=4 "$0" "$@" # The shell runs this line, JavaScript reads a text.
// V8 lets the young generation grow to 48 MB, and the daemon gets by on 12: 20 MB less with 2,500
// sockets. It decides when it makes the heap: v8.setFlagsFromString() would come too late, and
// `node bin/chat-websocket.js` does without. Not every env has -S.
import { main } from '../dist/cli/chat-websocket.js'

await main()
