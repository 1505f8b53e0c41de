#!/usr/bin/env node
import { main } from '../dist/cli/chat-websocket.js'

await main()
