#!/usr/bin/env node
import { main } from '../dist/cli/chat-api.js'

await main()
