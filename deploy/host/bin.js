#!/usr/bin/env node
import process from 'node:process';

import { main } from './src/cli.js';

process.exitCode = await main(process.argv.slice(2), {
  folder: process.cwd(),
  environment: process.env,
  say: (line) => console.log(line),
  complain: (line) => console.error(line),
});
