// Serves the built book on 127.0.0.1 at the port that is named: node scripts/serve.mjs PORT
import process from 'node:process'
import { staticServer } from './static-server.mjs'

staticServer('dist').listen(Number(process.argv[2]), '127.0.0.1')
