#!/usr/bin/env node
import { oncall } from './program.ts';

// Whoever read us has gone, as `| head` does: what was begun is still brought to its end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await oncall(process.argv.slice(2));
